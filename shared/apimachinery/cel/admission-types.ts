// What expressions of admission see beside the objects: the request, the namespace and who may do what
// (k8s.io/apiserver/pkg/admission/plugin/cel/compile.go). The uid and the objects of a request are left out, as upstream leaves them out.
import type { Environment } from '@marcbachmann/cel-js'
import { declareType } from './types.ts'

const TIME = 'google.protobuf.Timestamp'

/** Each may name those before it. */
const TYPES: readonly (readonly [name: string, fields: Readonly<Record<string, string>>])[] = [
  ['GroupVersionKind', { group: 'string', version: 'string', kind: 'string' }],
  ['GroupVersionResource', { group: 'string', version: 'string', resource: 'string' }],
  ['UserInfo', { username: 'string', uid: 'string', groups: 'list<string>', extra: 'map<string, list<string>>' }],
  [
    'AdmissionRequest',
    {
      kind: 'GroupVersionKind',
      resource: 'GroupVersionResource',
      subResource: 'string',
      requestKind: 'GroupVersionKind',
      requestResource: 'GroupVersionResource',
      requestSubResource: 'string',
      name: 'string',
      namespace: 'string',
      operation: 'string',
      userInfo: 'UserInfo',
      dryRun: 'bool',
      options: 'dyn',
    },
  ],
  ['NamespaceSpec', { finalizers: 'list<string>' }],
  ['NamespaceCondition', { status: 'string', type: 'string', lastTransitionTime: TIME, message: 'string', reason: 'string' }],
  ['NamespaceStatus', { conditions: 'list<NamespaceCondition>', phase: 'string' }],
  [
    'NamespaceMetadata',
    {
      name: 'string',
      generateName: 'string',
      namespace: 'string',
      labels: 'map<string, string>',
      annotations: 'map<string, string>',
      UID: 'string',
      creationTimestamp: TIME,
      deletionGracePeriodSeconds: 'int',
      deletionTimestamp: TIME,
      generation: 'int',
      resourceVersion: 'string',
      finalizers: 'list<string>',
    },
  ],
  ['Namespace', { metadata: 'NamespaceMetadata', spec: 'NamespaceSpec', status: 'NamespaceStatus' }],
]

/** Declares `request`, `namespaceObject` and `authorizer`. */
export function declareAdmission(environment: Environment): void {
  for (const [name, fields] of TYPES) declareType(environment, name, fields)
  environment.registerVariable('request', 'AdmissionRequest')
  environment.registerVariable('namespaceObject', 'Namespace')
  environment.registerVariable('authorizer', 'Authorizer')
}
