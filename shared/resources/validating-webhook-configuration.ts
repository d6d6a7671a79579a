import type { ValidatingWebhookConfiguration } from '../api/admissionregistration/v1.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { defaultWebhook } from './admission-defaults.ts'
import { lazyRules } from './admission-registration/lazy.ts'
import { columns, since } from './printers/text.ts'

const rules = lazyRules(() => import('./admission-registration/webhook.ts'))

export default defineResource<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  resource: 'validatingwebhookconfigurations',
  singular: 'validatingwebhookconfiguration',
  kind: 'ValidatingWebhookConfiguration',
  namespaced: false,
  categories: ['api-extensions'],
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
      defaults(object) {
        for (const webhook of (object as ValidatingWebhookConfiguration).webhooks ?? []) defaultWebhook(webhook)
      },
    },
  ],
  load: rules.load,
  validate: (configuration, context) => rules.loaded().webhookErrors(configuration, context.apiVersion),
  validateUpdate: (configuration, old, context) => rules.loaded().webhookErrors(configuration, context.apiVersion, old),
  generation: (object, old) => !equal(object.webhooks, old.webhooks),
  columns: columns('Name, Webhooks:integer, Age'),
  cells: ({ metadata, webhooks }, now) => [metadata.name, (webhooks ?? []).length, since(metadata.creationTimestamp, now)],
})
