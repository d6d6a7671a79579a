// Redis as the book runs it: one primary, two replicas, and a sentinel beside each. Which is which is decided by scripts of a ConfigMap.

/** By file. */
export const REDIS_CONFIG = {
  'master.conf': 'bind 0.0.0.0\nport 6379\ndir /redis-data\n',
  'slave.conf': 'bind 0.0.0.0\nport 6379\ndir /redis-data\nslaveof redis-0.redis 6379\n',
  'sentinel.conf': `bind 0.0.0.0
port 26379
sentinel monitor redis redis-0.redis 6379 2
sentinel parallel-syncs redis 1
sentinel down-after-milliseconds redis 10000
sentinel failover-timeout redis 20000
`,
  'init.sh': `#!/bin/sh
if [ "$(hostname)" = redis-0 ]; then
  exec redis-server /redis-config/master.conf
fi
until redis-cli -h redis-0.redis ping; do
  echo waiting for the primary
  sleep 1
done
exec redis-server /redis-config/slave.conf
`,
  // A sentinel writes to its configuration, which a ConfigMap's files do not allow.
  'sentinel.sh': `#!/bin/sh
until ping -c 1 redis-0.redis; do
  echo waiting for the name of the primary
  sleep 1
done
cp /redis-config/sentinel.conf /tmp/sentinel.conf
exec redis-sentinel /tmp/sentinel.conf
`,
}

export const redis = (apiVersion: string) => `apiVersion: v1
kind: Service
metadata: {name: redis}
spec:
  clusterIP: None
  ports: [{port: 6379, name: peer}]
  selector: {app: redis}
---
apiVersion: ${apiVersion}
kind: StatefulSet
metadata: {name: redis}
spec:
  replicas: 3
  serviceName: redis
  selector: {matchLabels: {app: redis}}
  template:
    metadata: {labels: {app: redis}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: redis
          image: redis:3.2.7-alpine
          command: [sh, -c, source /redis-config/init.sh]
          ports: [{containerPort: 6379, name: redis}]
          volumeMounts:
            - {name: config, mountPath: /redis-config}
            - {name: data, mountPath: /redis-data}
        - name: sentinel
          image: redis:3.2.7-alpine
          command: [sh, -c, source /redis-config/sentinel.sh]
          volumeMounts: [{name: config, mountPath: /redis-config}]
      volumes:
        - name: config
          configMap: {name: redis-config, defaultMode: 420}
        - name: data
          emptyDir: {}
`
