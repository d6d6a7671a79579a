// Defaults and validation are on the way of every write of a pod.
import { expect, it } from 'vitest'
import type { Pod } from '../../shared/api/core/v1.ts'
import type { FieldError } from '../../shared/apimachinery/field-error.ts'
import { validatePodCreate } from '../../shared/resources/pod/validate.ts'
import { defaultPod } from '../../shared/resources/pod-spec/defaults.ts'

const ROUNDS = 5000
/** Ten times what it takes, so that a busy machine does not fail the test. */
const LIMIT_MICROSECONDS = 100

const pod = (): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'default', labels: { app: 'web', tier: 'front' } },
  spec: {
    containers: [
      {
        name: 'web',
        image: 'registry.example/web:1.2.3',
        ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
        env: [
          { name: 'A', value: 'b' },
          { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        ],
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '1', memory: '256Mi' } },
        livenessProbe: { httpGet: { path: '/healthz', port: 'http' } },
        volumeMounts: [{ name: 'config', mountPath: '/etc/config' }],
      },
    ],
    volumes: [{ name: 'config', configMap: { name: 'config' } }],
    tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }],
  },
})

it('defaults and checks a pod well under a tenth of a millisecond', () => {
  const pods = Array.from({ length: ROUNDS }, pod)
  const wrong: FieldError[] = []
  const start = performance.now()
  for (const one of pods) {
    defaultPod(one)
    validatePodCreate(one, wrong)
  }
  const microseconds = ((performance.now() - start) * 1000) / ROUNDS
  expect(wrong.slice(0, 3)).toEqual([])
  expect(microseconds).toBeLessThan(LIMIT_MICROSECONDS)
})
