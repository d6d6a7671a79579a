// Ghost as the book runs it: first with a database in a file, then with MySQL, by another ConfigMap.

export const PASSWORD = 'book-tour'

const config = (database: string) => ({
  'ghost-config.js': `const config = {
  development: {
    url: 'http://localhost:2368',
    database: ${database},
    server: { host: '0.0.0.0', port: '2368' },
    paths: { contentPath: '/var/lib/ghost/' },
  },
}

module.exports = config
`,
})

/** By file. */
export const GHOST = config(`{ client: 'sqlite3', connection: { filename: '/var/lib/ghost/data/ghost-dev.db' } }`)
export const GHOST_MYSQL = config(
  `{ client: 'mysql', connection: { host: 'mysql', user: 'root', password: '${PASSWORD}', database: 'ghost_db', charset: 'utf8' } }`,
)

export const ghost = (configMap: string) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ghost}
spec:
  replicas: 1
  selector: {matchLabels: {run: ghost}}
  template:
    metadata: {labels: {run: ghost}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: ghost
          image: ghost
          imagePullPolicy: IfNotPresent
          command: [sh, -c, cp /ghost-config/ghost-config.js /var/lib/ghost/config.js && /entrypoint.sh npm start]
          volumeMounts: [{name: config, mountPath: /ghost-config}]
          readinessProbe:
            tcpSocket: {port: 2368}
            periodSeconds: 1
      volumes:
        - name: config
          configMap: {name: ${configMap}, defaultMode: 420}
`

export const MYSQL = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: database}
spec:
  accessModes: [ReadWriteMany]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: mysql, labels: {app: mysql}}
spec:
  replicas: 1
  selector: {matchLabels: {app: mysql}}
  template:
    metadata: {labels: {app: mysql}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: database
          image: mysql:5.6
          resources: {requests: {cpu: 100m, memory: 128Mi}}
          env:
            - name: MYSQL_ROOT_PASSWORD
              valueFrom: {secretKeyRef: {name: mysql, key: password}}
          livenessProbe: {tcpSocket: {port: 3306}}
          readinessProbe:
            tcpSocket: {port: 3306}
            periodSeconds: 1
          ports: [{containerPort: 3306}]
          volumeMounts: [{name: database, mountPath: /var/lib/mysql}]
      volumes:
        - name: database
          persistentVolumeClaim: {claimName: database}
---
apiVersion: v1
kind: Service
metadata: {name: mysql}
spec:
  ports: [{port: 3306, protocol: TCP}]
  selector: {app: mysql}
`
