// The schedules of a cluster that goes away. A module of its own: hardly any process ever deletes a cluster.
import { DeleteScheduleCommand, ListSchedulesCommand, ResourceNotFoundException } from '@aws-sdk/client-scheduler'
import type { SchedulesOptions } from './schedules.ts'

/** @param prefix what their names begin with; not empty */
export async function deleteSchedules({ client, group: GroupName }: SchedulesOptions, prefix: string): Promise<void> {
  let NextToken: string | undefined
  do {
    const page = await client.send(new ListSchedulesCommand({ GroupName, NamePrefix: prefix, NextToken }))
    for (const { Name } of page.Schedules ?? []) {
      try {
        await client.send(new DeleteScheduleCommand({ GroupName, Name }))
      } catch (error) {
        // It has fired meanwhile.
        if (!(error instanceof ResourceNotFoundException)) throw error
      }
    }
    NextToken = page.NextToken
  } while (NextToken !== undefined)
}
