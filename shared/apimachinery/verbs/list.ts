// GET of an object and of a collection, with resourceVersion, limit and continue as upstream means them.

import { ExpiredError, FutureError, type ListResult, type Stored } from '../../store/types.ts'
import { matchesFields, requiredName, resolveFields } from '../field-selector.ts'
import { matchesLabels } from '../label-selector.ts'
import { keyOf, type Machinery, type Target } from '../machinery.ts'
import { decodeContinue, encodeContinue } from '../request/continue-token.ts'
import { type ListOptions, readRevision } from '../request/options.ts'
import * as status from '../status-error.ts'
import type { KubeObject } from '../types.ts'

export async function getObject(machinery: Machinery, target: Target, resourceVersion = ''): Promise<KubeObject> {
  const wanted = readRevision(resourceVersion, 500)
  const { collection } = target.endpoint
  const stored = await machinery.store.get(collection, keyOf(target))
  if (wanted > 0) await notFuture(machinery, target, wanted)
  if (stored === undefined) throw status.notFound(collection, target.name)
  return stored.object
}

async function notFuture(machinery: Machinery, { endpoint }: Pick<Target, 'endpoint'>, wanted: number): Promise<void> {
  const current = await machinery.store.revision(endpoint.collection)
  if (wanted > current) throw status.resourceVersionTooLarge(wanted, current)
}

export interface Listed {
  readonly items: readonly KubeObject[]
  readonly resourceVersion: string
  readonly continue?: string
  readonly remainingItemCount?: number
}

/** Whose items a request sees: everything, one namespace, and what the selectors say. */
export interface Selection {
  readonly prefix: string
  /** Only this name can match. */
  readonly name?: string
  readonly selective: boolean
  matches(object: KubeObject): boolean
}

/** @throws StatusError 400 for fields that the kind does not know */
export function selectionOf({ endpoint, namespace, name }: Target, options: Pick<ListOptions, 'labels' | 'fields'>): Selection {
  const fields = resolveFields(options.fields, endpoint)
  const { labels } = options
  const required = requiredName(fields)
  if (name !== '' && required !== undefined && required !== name) {
    throw status.badRequest("fieldSelector metadata.name doesn't match requested name")
  }
  const only = name === '' ? required : name
  return {
    prefix: endpoint.definition.namespaced ? (namespace === '' ? '' : `${namespace}/`) : '/',
    name: only,
    selective: labels.length > 0 || fields.length > 0,
    matches: object =>
      (only === undefined || object.metadata.name === only) &&
      (labels.length === 0 || matchesLabels(labels, object.metadata.labels)) &&
      (fields.length === 0 || matchesFields(fields, object, endpoint)),
  }
}

export async function listObjects(machinery: Machinery, target: Target, options: ListOptions): Promise<Listed> {
  const selection = selectionOf(target, options)
  const limit = options.limit > 0 ? options.limit : undefined
  if (options.continue !== '') return continued(machinery, target, options, selection, limit)

  const wanted = readRevision(options.resourceVersion, isUnlimitedRead(options) ? 500 : 400)
  // With a limit, a revision means exactly that one; without, at least that one. 0 is "whatever you have", all of it.
  const exact = wanted > 0 && (options.resourceVersionMatch === 'Exact' || (options.resourceVersionMatch === '' && limit !== undefined))
  if (wanted > 0) await notFuture(machinery, target, wanted)
  return page(machinery, target, selection, exact ? wanted : undefined, options.resourceVersion === '0' ? undefined : limit, undefined)
}

const isUnlimitedRead = ({ resourceVersionMatch, limit }: ListOptions) => resourceVersionMatch === 'NotOlderThan' && limit <= 0

async function continued(
  machinery: Machinery,
  target: Target,
  options: ListOptions,
  selection: Selection,
  limit: number | undefined,
): Promise<Listed> {
  const token = decodeContinue(options.continue, selection.prefix)
  if (options.resourceVersion !== '' && options.resourceVersion !== '0') {
    throw status.badRequest('specifying resource version is not allowed when using continue')
  }
  const at = token.revision > 0 ? token.revision : undefined
  return page(machinery, target, selection, at, options.resourceVersion === '0' ? undefined : limit, token.after)
}

async function page(
  machinery: Machinery,
  target: Target,
  selection: Selection,
  at: number | undefined,
  limit: number | undefined,
  after: string | undefined,
): Promise<Listed> {
  const { collection, definition } = target.endpoint
  const { prefix } = selection
  const found: KubeObject[] = []
  let position = after
  let revision = at
  for (;;) {
    let result: ListResult
    try {
      result = await machinery.store.list(collection, {
        prefix,
        at: revision,
        after: position,
        limit: limit === undefined ? undefined : limit - found.length,
      })
    } catch (error) {
      // A token of another kind's list may name a revision that this one has not reached: it shows what is there.
      if (error instanceof FutureError && after !== undefined) {
        revision = undefined
        continue
      }
      throw await translate(machinery, target, error, position, prefix)
    }
    revision = result.revision
    for (const { object } of result.items)
      if (!selection.selective && selection.name === undefined ? true : selection.matches(object)) found.push(object)
    const { next } = result
    if (next === undefined || limit === undefined) return { items: found, resourceVersion: String(revision) }
    if (found.length >= limit) {
      // With a selector nobody knows how many of the rest match, and a page that ends the list by chance still promises another one
      // upstream only if something is left that matches.
      if (selection.selective && !(await anyMatchAfter(machinery, target, selection, revision, next)))
        return { items: found, resourceVersion: String(revision) }
      return {
        items: found,
        resourceVersion: String(revision),
        continue: encodeContinue({ revision, after: next }, definition.namespaced ? prefix : '/'),
        remainingItemCount: selection.selective || selection.name !== undefined ? undefined : result.remaining,
      }
    }
    position = next
  }
}

const SCAN_PAGE = 500

async function anyMatchAfter(
  machinery: Machinery,
  { endpoint }: Target,
  selection: Selection,
  at: number,
  after: string,
): Promise<boolean> {
  let position: string | undefined = after
  while (position !== undefined) {
    const result: ListResult = await machinery.store.list(endpoint.collection, {
      prefix: selection.prefix,
      at,
      after: position,
      limit: SCAN_PAGE,
    })
    if (result.items.some((item: Stored) => selection.matches(item.object))) return true
    position = result.next
  }
  return false
}

async function translate(
  machinery: Machinery,
  { endpoint }: Target,
  error: unknown,
  after: string | undefined,
  prefix: string,
): Promise<unknown> {
  if (error instanceof FutureError) return status.resourceVersionTooLarge(error.revision, error.current)
  if (!(error instanceof ExpiredError)) return error
  if (after === undefined) return status.expired(`The resourceVersion for the provided list is too old.`)
  // The client may go on with what is there now, if it can live with a list that is not of one moment.
  return status.expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    {
      continue: encodeContinue({ revision: -1, after }, prefix),
      resourceVersion: String(await machinery.store.revision(endpoint.collection)),
    },
  )
}
