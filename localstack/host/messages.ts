// What the process in the background tells the one that started it.
export type HostMessage =
  | { readonly type: 'step'; readonly name: string; readonly text: string; readonly done: boolean }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'ready'; readonly nodes: string }
  | { readonly type: 'failed'; readonly reason: string }
