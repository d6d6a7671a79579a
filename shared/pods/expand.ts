// $(VAR) in env values, command and args: third_party/forked/golang/expansion. An unknown name stays as it stands; $$ is a dollar.

export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (match, name: string | undefined) => {
    if (name === undefined) return '$'
    return variables.get(name) ?? match
  })
}
