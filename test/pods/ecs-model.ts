// ECS as its port promises it, with what can go wrong: replies that are lost after the call was carried out, calls that never arrive,
// lists that lag behind. Counts what runs, which is what the tests judge.
import type { ContainerInstance, Ecs, RunTask, StartTask, Task, TaskDefinition } from '../../shared/pods/ecs.ts'
import { AGENT } from '../../shared/pods/status.ts'

export class LostReply extends Error {}

export class EcsModel implements Ecs {
  readonly tasks = new Map<string, Task>()
  readonly definitions = new Map<string, TaskDefinition>()
  readonly calls: string[] = []
  instances: ContainerInstance[] = [instance('one'), instance('two')]
  /** Called before and after each call's effect; throwing there is the fault. */
  fault: (moment: 'before' | 'after', call: string) => void | Promise<void> = () => {}
  readonly #now: () => number
  #tokens = new Map<string, string>()

  constructor(now: () => number) {
    this.#now = now
  }

  get running(): Task[] {
    return [...this.tasks.values()].filter(({ desiredStatus }) => desiredStatus === 'RUNNING')
  }

  /** Of the task that this pod has. */
  definitionOf(uid: string): TaskDefinition {
    const task = [...this.tasks.values()].find(({ startedBy }) => startedBy === uid)
    return [...this.definitions.values()].find(({ family }) => task?.taskDefinitionArn === `arn:definition/${family}:1`)!
  }

  findTaskDefinition(family: string) {
    return this.#call('findTaskDefinition', () => (this.definitions.has(family) ? `arn:definition/${family}:1` : undefined))
  }

  registerTaskDefinition(definition: TaskDefinition) {
    return this.#call('registerTaskDefinition', () => {
      this.definitions.set(definition.family, definition)
      return `arn:definition/${definition.family}:1`
    })
  }

  runTask(launch: RunTask) {
    return this.#call('runTask', () => {
      const arn = this.#tokens.get(launch.clientToken)
      if (arn) return this.tasks.get(arn)!
      const task = this.#add(launch, undefined, launch.capacityProvider)
      this.#tokens.set(launch.clientToken, task.taskArn)
      return task
    })
  }

  startTask(launch: StartTask) {
    return this.#call('startTask', () => this.#add(launch, launch.containerInstance))
  }

  stopTask(taskArn: string, reason: string) {
    return this.#call('stopTask', () => {
      const task = this.tasks.get(taskArn)
      return task && this.put({ ...task, desiredStatus: 'STOPPED', stoppedReason: reason, stopCode: 'UserInitiated' })
    })
  }

  describeTasks(arns: readonly string[]) {
    return this.#call('describeTasks', () => arns.flatMap(arn => this.tasks.get(arn) ?? []))
  }

  listTasks({ startedBy, desiredStatus = 'RUNNING' }: { startedBy?: string; desiredStatus?: string }) {
    return this.#call('listTasks', () =>
      [...this.tasks.values()]
        .filter(task => task.desiredStatus === desiredStatus && (startedBy === undefined || task.startedBy === startedBy))
        .map(({ taskArn }) => taskArn),
    )
  }

  containerInstances() {
    return this.#call('containerInstances', () => this.instances)
  }

  /** The task has come to its end; `agent` is its agent's exit code. */
  stopped(task: Task, agent: number | undefined, more: Partial<Task> = {}): Task {
    const containers = task.containers.map(container => ({
      ...container,
      lastStatus: 'STOPPED',
      exitCode: container.name === AGENT ? agent : 0,
    }))
    return this.put({
      ...task,
      containers,
      lastStatus: 'STOPPED',
      desiredStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      stoppedAt: this.#now(),
      ...more,
    })
  }

  put(task: Task): Task {
    const next = { ...task, version: task.version + 1 }
    this.tasks.set(task.taskArn, next)
    return next
  }

  #add(
    { startedBy, group, taskDefinition }: RunTask | StartTask,
    containerInstanceArn: string | undefined,
    capacityProviderName?: string,
  ): Task {
    const taskArn = `arn:aws:ecs:here:1:task/c/t${this.tasks.size + 1}`
    const containers = [{ name: AGENT, lastStatus: 'PENDING' }]
    return this.put({
      taskArn,
      version: 0,
      lastStatus: 'PENDING',
      desiredStatus: 'RUNNING',
      startedBy,
      group,
      taskDefinitionArn: taskDefinition,
      capacityProviderName,
      containerInstanceArn,
      containers,
      createdAt: this.#now(),
    })
  }

  async #call<T>(name: string, act: () => T): Promise<T> {
    this.calls.push(name)
    await this.fault('before', name)
    const answer = act()
    await this.fault('after', name)
    return answer
  }
}

function instance(name: string): ContainerInstance {
  const size = { cpu: 4096, memory: 8192 }
  return {
    arn: `arn:instance/${name}`,
    status: 'ACTIVE',
    agentConnected: true,
    instanceId: `i-${name}`,
    registered: size,
    remaining: size,
    attributes: { 'ecs.availability-zone': 'here-a' },
  }
}
