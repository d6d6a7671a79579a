// What provisioning needs of EFS. shared/aws/access-points.ts has it from AWS.

export interface AccessPoint {
  readonly id: string
  readonly fileSystemId: string
  /** What it was made with. */
  readonly token: string
  /** Folder of the file system that it shows as its root. */
  readonly path: string
}

export interface NewAccessPoint {
  readonly fileSystemId: string
  /** At most 64 characters. The same one again is the same access point. */
  readonly token: string
  /** At most four folders deep, 100 characters. Made at the first mount, if it is not there. */
  readonly path: string
  /** Of the folder, when it is made. `permissions` are octal digits. */
  readonly owner: { readonly uid: number; readonly gid: number; readonly permissions: string }
  /** Everybody who comes through is this user; absent: whoever they are. */
  readonly user?: { readonly uid: number; readonly gid: number }
  readonly tags: Readonly<Record<string, string>>
}

/** EFS refused, and would refuse again: the file system does not exist, has too many access points ... */
export class AccessPointError extends Error {
  override readonly name = 'AccessPointError'
}

export interface AccessPoints {
  /** @throws AccessPointError */
  ensure(wanted: NewAccessPoint): Promise<AccessPoint>
  find(id: string): Promise<AccessPoint | undefined>
  /** @throws AccessPointError when there is no such file system. */
  list(fileSystemId: string): Promise<readonly AccessPoint[]>
  /** What is not there is no error. */
  remove(id: string): Promise<void>
}
