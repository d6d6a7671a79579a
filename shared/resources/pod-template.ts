import type { PodTemplate } from '../api/core/v1.ts'
import { equal } from '../apimachinery/objects.ts'
import { defineResource } from '../apimachinery/resource.ts'
import { dropUnsupportedInTemplate } from './pod/prepare.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { validatePodTemplate } from './pod-spec/spec.ts'
import { templateWarnings } from './pod-spec/warnings.ts'
import { columns, containerCells, labelsText } from './printers/text.ts'
import { collect } from './strategy.ts'

const changed = (object: PodTemplate, old: PodTemplate) => !equal(object.template, old.template)

export default defineResource<PodTemplate>({
  group: '',
  resource: 'podtemplates',
  singular: 'podtemplate',
  kind: 'PodTemplate',
  namespaced: true,
  versions: [
    {
      version: 'v1',
      storage: true,
      schema: 'io.k8s.api.core.v1.PodTemplate',
      defaults(object) {
        const { template } = object as PodTemplate
        if (template !== undefined) defaultPodTemplate(template)
      },
    },
  ],
  generation: changed,
  allowCreateOnUpdate: true,
  prepareForCreate: ({ template }) => dropUnsupportedInTemplate(template),
  prepareForUpdate: ({ template }) => dropUnsupportedInTemplate(template),
  validate: ({ template }) => collect(errors => validatePodTemplate(template, 'template', errors)),
  validateUpdate: ({ template }) => collect(errors => validatePodTemplate(template, 'template', errors)),
  warnings: (object, old) => (old === undefined || changed(object, old) ? templateWarnings(object.template, 'template') : []),
  deletion: { returnsObject: true },
  columns: columns('Name, Containers, Images, Pod Labels'),
  cells: ({ metadata, template }) => [metadata.name, ...containerCells(template?.spec?.containers), labelsText(template?.metadata?.labels)],
})
