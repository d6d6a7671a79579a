// Parse on a replica set of mongo, as the book runs them. Each member of the set makes itself one, by a script beside it.

/** By file. */
export const MONGO_INIT = {
  'init.sh': `#!/bin/sh
me=$(hostname).mongo
primary=mongo-0.mongo:27017

# The name leads here when this pod is ready, not before.
until ping -c 1 "$me"; do
  echo "waiting for the name $me"
  sleep 1
done
until /usr/bin/mongo --eval 'printjson(db.serverStatus())'; do
  echo waiting for mongod of this pod
  sleep 1
done

if [ "$(hostname)" = mongo-0 ]; then
  /usr/bin/mongo --eval "printjson(rs.initiate({_id: 'rs0', members: [{_id: 0, host: '$primary'}]}))"
else
  until /usr/bin/mongo --host=$primary --eval 'printjson(rs.status())' | grep "$me"; do
    /usr/bin/mongo --host=$primary --eval "printjson(rs.add('$me'))"
    sleep 1
  done
fi
echo initialized
while true; do sleep 3600; done
`,
}

export const MONGO = `apiVersion: v1
kind: Service
metadata: {name: mongo}
spec:
  clusterIP: None
  ports: [{port: 27017, name: peer}]
  selector: {app: mongo}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: mongo}
spec:
  serviceName: mongo
  replicas: 3
  selector: {matchLabels: {app: mongo}}
  template:
    metadata: {labels: {app: mongo}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: mongodb
          image: mongo:3.4.1
          command: [mongod, --replSet, rs0]
          ports: [{containerPort: 27017, name: peer}]
          livenessProbe:
            exec: {command: [/usr/bin/mongo, --eval, db.serverStatus()]}
            initialDelaySeconds: 10
            timeoutSeconds: 10
          volumeMounts: [{name: database, mountPath: /data/db}]
        - name: init-mongo
          image: mongo:3.4.1
          command: [sh, /config/init.sh]
          volumeMounts: [{name: config, mountPath: /config}]
      volumes:
        - name: config
          configMap: {name: mongo-init}
  volumeClaimTemplates:
    - metadata: {name: database}
      spec:
        accessModes: [ReadWriteOnce]
        resources: {requests: {storage: 1Gi}}
`

const URI = 'mongodb://mongo-0.mongo:27017,mongo-1.mongo:27017,mongo-2.mongo:27017/dev?replicaSet=rs0'

export const PARSE = `apiVersion: apps/v1
kind: Deployment
metadata: {name: parse-server}
spec:
  replicas: 1
  selector: {matchLabels: {run: parse-server}}
  template:
    metadata: {labels: {run: parse-server}}
    spec:
      terminationGracePeriodSeconds: 5
      initContainers:
        - name: wait-for-mongo
          image: mongo:3.4.1
          command: [sh, -c, "until mongo --host=mongo-2.mongo:27017 --eval 'printjson(db.isMaster())' | grep mongo-2; do sleep 1; done"]
      containers:
        - name: parse-server
          image: example/parse-server
          imagePullPolicy: IfNotPresent
          env:
            - {name: DATABASE_URI, value: "${URI}"}
            - {name: APP_ID, value: my-app-id}
            - {name: MASTER_KEY, value: my-master-key}
          readinessProbe:
            tcpSocket: {port: 1337}
            periodSeconds: 1
---
apiVersion: v1
kind: Service
metadata: {name: parse-server}
spec:
  ports: [{port: 1337, protocol: TCP, targetPort: 1337}]
  selector: {run: parse-server}
`
