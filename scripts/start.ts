// npm start: reads the flags, then runs the local cluster here, or in a process of its own with --detach.
import { detach } from '../localstack/host/detach.ts'
import { parseStartFlags } from '../localstack/host/flags.ts'
import { runForeground } from '../localstack/host/foreground.ts'

const flags = parseStartFlags(process.argv.slice(2), process.env.INIT_CWD ?? process.cwd())
process.exitCode = await (flags.detach ? detach(process.argv.slice(2), flags) : runForeground(flags))
