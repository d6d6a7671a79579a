// What workloads that keep pods from a template have in common (pkg/apis/apps).
import type { PodSpec, PodTemplateSpec } from '../api/core/v1.ts'
import type { LabelSelector } from '../api/meta/v1.ts'
import type { RequestContext } from '../apimachinery/context.ts'
import { forbidden, invalid, notSupported, required } from '../apimachinery/field-error.ts'
import { formatSelector, fromLabelSelector, matchesSelector } from '../apimachinery/label-selector.ts'
import type { ScaleStrategy } from '../apimachinery/resource.ts'
import type { KubeObject } from '../apimachinery/types.ts'
import { validatePodTemplate } from './pod-spec/spec.ts'
import { type Errors, immutable, type Labels } from './validation/checks.ts'
import { isEmptySelector, isUsableSelector, labelSelector } from './validation/label-selector.ts'

/** A selector that says something. `what` is upstream's word for the kind, which is not always the kind. */
export function workloadSelector(selector: LabelSelector | undefined, what: string, field: string, errors: Errors): void {
  if (selector === undefined) {
    errors.push(required(field))
    return
  }
  labelSelector(selector, field, errors)
  if (isEmptySelector(selector)) errors.push(invalid(field, selector, `empty selector is invalid for ${what}`))
}

/** A template whose pods the selector selects. */
export function selectedTemplate(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
  field: string,
  errors: Errors,
): void {
  templateLabels(template, selector, `${field}.metadata.labels`, errors)
  validatePodTemplate(template, field, errors)
}

export function templateLabels(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
  field: string,
  errors: Errors,
): void {
  if (selector !== undefined && isEmptySelector(selector)) return
  const labels: Labels = template?.metadata?.labels
  // No selector selects nothing.
  if (selector === undefined || !matchesSelector(selector, labels))
    errors.push(invalid(field, labels, '`selector` does not match template `labels`'))
}

/** Pods that are replaced when they end: they always restart, and have no deadline. */
export function everlasting(template: PodTemplateSpec | undefined, kind: string, field: string, errors: Errors): void {
  const spec: Partial<PodSpec> = template?.spec ?? {}
  if (spec.restartPolicy !== 'Always') errors.push(notSupported(`${field}.spec.restartPolicy`, spec.restartPolicy ?? '', ['Always']))
  if (spec.activeDeadlineSeconds !== undefined)
    errors.push(forbidden(`${field}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`))
}

export { isUsableSelector }

const CHANGEABLE_SELECTORS = ['extensions/v1beta1', 'apps/v1beta1']

/** Selectors are fixed, except through the versions that always let them change. */
export function fixedSelector(
  selector: LabelSelector | undefined,
  old: LabelSelector | undefined,
  { apiVersion }: RequestContext,
  errors: Errors,
): void {
  if (apiVersion === undefined || !CHANGEABLE_SELECTORS.includes(apiVersion)) immutable(selector, old, 'spec.selector', errors)
}

/** status.selector of a Scale. */
export const scaleSelector = (selector: LabelSelector | undefined): string => {
  const requirements = fromLabelSelector(selector)
  return requirements === undefined ? '' : formatSelector(requirements)
}

/** Of kinds whose spec has replicas and a label selector. */
export const replicaScale: ScaleStrategy<KubeObject> = {
  specReplicas: object => scaled(object).spec?.replicas ?? 0,
  statusReplicas: object => scaled(object).status?.replicas ?? 0,
  selector: object => scaleSelector(scaled(object).spec?.selector),
  setReplicas(object, replicas) {
    const { spec } = scaled(object)
    if (spec !== undefined) spec.replicas = replicas
  },
}

interface Scaled extends KubeObject {
  spec?: { replicas?: number; selector?: LabelSelector }
  status?: { replicas?: number }
}

const scaled = (object: KubeObject) => object as Scaled

/** What manifests of 2018 leave out: the template's labels are the object's and its selector's. In place. */
export function fromTemplateLabels(object: {
  metadata: { labels?: Record<string, string> }
  spec?: { selector?: LabelSelector; template?: PodTemplateSpec }
}): void {
  const labels = object.spec?.template?.metadata?.labels
  if (labels === undefined || object.spec === undefined) return
  object.spec.selector ??= { matchLabels: { ...labels } }
  if (Object.keys(object.metadata.labels ?? {}).length === 0) object.metadata.labels = { ...labels }
}
