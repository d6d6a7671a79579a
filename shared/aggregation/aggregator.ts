import type { UserInfo } from '../apimachinery/context.ts'
import { MASTERS } from '../auth/types.ts'

/** Who asks when the server itself wants to know something of another one; upstream's name for it. */
export const AGGREGATOR: UserInfo = { name: 'system:kube-aggregator', groups: [MASTERS] }
