// Named formats: format.dns1123Label().validate(text) answers what is wrong, if anything is (k8s.io/apiserver/pkg/cel/library/format.go).
import { type Environment, Optional } from '@marcbachmann/cel-js'
import { matchesFormat } from '../../custom/formats.ts'
import { isDNS1035Label, isDNS1123Label, isDNS1123Subdomain, isLabelValue, isQualifiedName } from '../../names.ts'

export class CelFormat {
  readonly validate: (text: string) => readonly string[]
  constructor(validate: (text: string) => readonly string[]) {
    this.validate = validate
  }
}

class Formats {}

const byFormat = (format: string) => (text: string) => (matchesFormat(format, text) ? [] : [`invalid ${format}`])

const FORMATS: Readonly<Record<string, (text: string) => readonly string[]>> = {
  dns1123Label: isDNS1123Label,
  dns1123Subdomain: text => isDNS1123Subdomain(text),
  dns1035Label: isDNS1035Label,
  qualifiedName: isQualifiedName,
  dns1123LabelPrefix: text => isDNS1123Label(text.replace(/-$/, 'a')),
  dns1123SubdomainPrefix: text => isDNS1123Subdomain(text.replace(/-$/, 'a')),
  dns1035LabelPrefix: text => isDNS1035Label(text.replace(/-$/, 'a')),
  labelValue: isLabelValue,
  uri: byFormat('uri'),
  uuid: byFormat('uuid'),
  byte: byFormat('byte'),
  date: byFormat('date'),
  datetime: byFormat('date-time'),
}

export function registerFormats(environment: Environment): void {
  environment.registerType('Formats', Formats)
  environment.registerType('Format', CelFormat)
  environment.registerConstant('format', 'Formats', new Formats())
  for (const [name, validate] of Object.entries(FORMATS))
    environment.registerFunction(`Formats.${name}(): Format`, () => new CelFormat(validate))
  environment.registerFunction('Format.validate(string): optional<list<string>>', (format: CelFormat, text: string) => {
    const wrong = format.validate(text)
    return wrong.length === 0 ? Optional.none() : Optional.of([...wrong])
  })
}
