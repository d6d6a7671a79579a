// Writes docs/cost.md from prices, units and the template.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { idleCost } from '../cdk/cost.ts'
import { costPage } from '../cdk/cost-page.ts'
import { optionCosts } from '../cdk/option-costs.ts'
import { emptyBundles, templateOf } from '../cdk/template.ts'

const folder = emptyBundles()
writeFileSync(join(import.meta.dirname, '../docs/cost.md'), costPage(idleCost(templateOf(folder)), optionCosts(folder)))
console.log('docs/cost.md is written')
