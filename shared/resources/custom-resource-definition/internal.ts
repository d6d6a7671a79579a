// How Go prints versions of the internal type in messages: with its own member names, and what all versions share left out.
import type { CustomResourceDefinitionVersion } from '../../api/apiextensions/v1.ts'
import { equal } from '../../apimachinery/objects.ts'

export function internalVersions(versions: readonly CustomResourceDefinitionVersion[]): object[] {
  const own = (part: keyof CustomResourceDefinitionVersion, version: CustomResourceDefinitionVersion) =>
    versions.every(other => equal(other[part], versions[0]?.[part])) ? null : (version[part] ?? null)
  return versions.map(version => ({
    Name: version.name,
    Served: version.served,
    Storage: version.storage,
    Deprecated: version.deprecated ?? false,
    DeprecationWarning: version.deprecationWarning ?? null,
    Schema: own('schema', version),
    Subresources: own('subresources', version),
    AdditionalPrinterColumns: own('additionalPrinterColumns', version),
    SelectableFields: own('selectableFields', version),
  }))
}
