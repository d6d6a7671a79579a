/** A pod's volumes cannot be mounted. The message is the event's, in kubelet's words where it has any. */
export class MountProblem extends Error {
  override readonly name = 'MountProblem'
}

export const setUpFailed = (volume: string, why: string) => `MountVolume.SetUp failed for volume ${JSON.stringify(volume)} : ${why}`
