// AWS's rates, for drills: token buckets by operation. Source: ECS developer guide, "Request throttling" and "Fargate throttling limits".
import type { Clock } from '../aws/clock.ts'
import type { Throttle } from './api/context.ts'

interface Rate {
  readonly burst: number
  readonly perSecond: number
}

const CLUSTER_CHANGES: Rate = { burst: 100, perSecond: 40 }

/** Operations that share a bucket have the same object here. "Fargate" is a launch on Fargate, beside the RunTask call itself. */
const RATES: Readonly<Record<string, Rate>> = {
  RegisterTaskDefinition: { burst: 20, perSecond: 1 },
  RunTask: CLUSTER_CHANGES,
  StartTask: CLUSTER_CHANGES,
  StopTask: CLUSTER_CHANGES,
  Fargate: { burst: 100, perSecond: 20 },
}

/** True: refuse this call. */
export function awsThrottle(clock: Clock): Throttle {
  const buckets = new Map<Rate, { tokens: number; at: number }>()
  return operation => {
    const rate = RATES[operation]
    if (!rate) return false
    const now = clock.now()
    const bucket = buckets.get(rate) ?? { tokens: rate.burst, at: now }
    bucket.tokens = Math.min(rate.burst, bucket.tokens + ((now - bucket.at) / 1000) * rate.perSecond)
    bucket.at = now
    buckets.set(rate, bucket)
    if (bucket.tokens < 1) return true
    bucket.tokens--
    return false
  }
}
