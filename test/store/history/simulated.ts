// One history of DynamoStore on the simulated table.
import type { GroupResource } from '../../../shared/apimachinery/types.ts'
import type { DynamoStore } from '../../../shared/store/dynamodb/store.ts'
import type { StoreInformer } from '../../../shared/store/informer.ts'
import type { History } from './record.ts'
import { CALM, SimulatedTable, STORM } from './simulated-table.ts'
import { Simulation } from './simulation.ts'
import { drive } from './traffic.ts'
import { readLog } from './truth.ts'

const collection: GroupResource = { group: 'example.com', resource: 'docs' }

export interface Implementation {
  readonly DynamoStore: typeof DynamoStore
  readonly StoreInformer: typeof StoreInformer
}

export async function simulatedHistory(seed: number, { DynamoStore: Store, StoreInformer: Informer }: Implementation): Promise<History> {
  const simulation = new Simulation(seed)
  const table = new SimulatedTable(simulation, STORM)
  const options = { table: 'simulated', cluster: 'test', clock: simulation }
  return simulation.run(
    (async () => {
      const history = await drive({
        random: simulation.random,
        sleep: milliseconds => simulation.sleep(milliseconds),
        open() {
          const { client, crash } = table.connect()
          return { store: new Store({ client, ...options }), crash }
        },
        informer: store => new Informer(store, collection),
        processes: 3,
        workers: 2,
        operations: 40,
        writes: seed % 2 === 0 ? 0.5 : 0.9,
        crash: 0.01,
      })
      // The truth is read when everything has come to rest.
      table.weather = CALM
      await simulation.sleep(60_000)
      history.truth = await readLog(table.connect().client, options.table, options.cluster, collection)
      return history
    })(),
  )
}
