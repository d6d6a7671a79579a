import { Duration } from 'aws-cdk-lib'
import { CfnBudget } from 'aws-cdk-lib/aws-budgets'
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import type { Pipeline } from './pipeline.ts'

export interface ObservabilityProps {
  /** Of the functions' own metrics. */
  readonly namespace: string
  readonly pipeline: Pipeline
  readonly functions: Readonly<Record<string, IFunction>>
}

/** What the functions count themselves (docs/deploy.md), by what it is told apart. */
const OWN = [
  { title: 'Requests', metric: 'Requests', by: ['Verb', 'Code'], statistic: 'Sum' },
  { title: 'Time of requests, p99 (ms)', metric: 'RequestTime', by: ['Verb'], statistic: 'p99' },
  { title: 'Reconciles', metric: 'Reconciles', by: ['Controller', 'Result'], statistic: 'Sum' },
  { title: 'Age of work, longest (ms)', metric: 'QueueAge', by: [], statistic: 'Maximum' },
  { title: 'Launches', metric: 'Launches', by: ['Capacity'], statistic: 'Sum' },
  { title: 'Launches that failed', metric: 'LaunchFailures', by: ['Reason'], statistic: 'Sum' },
  { title: 'Throttled by ECS', metric: 'Throttles', by: ['Operation'], statistic: 'Sum' },
]

/** Alarms for what a person must look at, and a dashboard. An option: alarms and dashboards are billed by the month. */
export class Observability extends Construct {
  constructor(scope: Construct, id: string, { pipeline, functions, namespace }: ObservabilityProps) {
    super(scope, id)
    const period = Duration.minutes(5)
    const alarm = (name: string, metric: IMetric, alarmDescription: string) =>
      new Alarm(this, name, {
        metric,
        alarmDescription,
        threshold: 1,
        evaluationPeriods: 1,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: TreatMissingData.NOT_BREACHING,
      })
    const waiting = { period, statistic: 'Maximum' }
    alarm(
      'FailuresWaiting',
      pipeline.failures.metricApproximateNumberOfMessagesVisible(waiting),
      'Stream records, delayed work or task events that could not be worked',
    )
    alarm(
      'WorkFailuresWaiting',
      pipeline.workFailures.metricApproximateNumberOfMessagesVisible(waiting),
      'Work items that failed five times',
    )
    for (const [name, fn] of Object.entries(functions)) alarm(`${name}Errors`, fn.metricErrors({ period }), `The ${name} function fails`)

    const all = Object.values(functions)
    new Dashboard(this, 'Dashboard').addWidgets(
      new GraphWidget({ title: 'Invocations', left: all.map(fn => fn.metricInvocations({ period })) }),
      new GraphWidget({ title: 'Errors', left: all.map(fn => fn.metricErrors({ period })) }),
      new GraphWidget({ title: 'Duration, p99', left: all.map(fn => fn.metricDuration({ period, statistic: 'p99' })) }),
      ...OWN.map(({ title, metric, by, statistic }) => {
        const schema = [namespace, ...by].map(part => `"${part}"`).join(',')
        const expression = `SEARCH('{${schema}} MetricName="${metric}"', '${statistic}', ${period.toSeconds()})`
        return new GraphWidget({ title, left: [new MathExpression({ expression, label: '', usingMetrics: {} })] })
      }),
      new GraphWidget({ title: 'Work waiting', left: [pipeline.work.metricApproximateNumberOfMessagesVisible(waiting)] }),
    )
  }
}

/** A monthly budget of the whole account, with an e-mail at four fifths of it. */
export function monthlyBudget(scope: Construct, { dollars, email }: { readonly dollars: number; readonly email: string }): void {
  new CfnBudget(scope, 'Budget', {
    budget: { budgetType: 'COST', timeUnit: 'MONTHLY', budgetLimit: { amount: dollars, unit: 'USD' } },
    notificationsWithSubscribers: [
      {
        notification: { notificationType: 'ACTUAL', comparisonOperator: 'GREATER_THAN', threshold: 80, thresholdType: 'PERCENTAGE' },
        subscribers: [{ subscriptionType: 'EMAIL', address: email }],
      },
    ],
  })
}
