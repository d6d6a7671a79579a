import { CfnOutput, RemovalPolicy } from 'aws-cdk-lib'
import { AttributeType, BillingMode, type ITable, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import { Construct } from 'constructs'

/** The one table: objects, revision heads and logs of every cluster (docs/store.md). Pay per request; nothing when idle. */
export class ObjectTable extends Construct {
  /** The one that is served. */
  readonly table: ITable

  constructor(scope: Construct, id: string, options: { deletionProtection: boolean; existingTable: string }, key: IKey | undefined) {
    super(scope, id)
    const own = new Table(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      stream: StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: 'expires',
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      // The key that AWS owns costs nothing.
      ...(key ? { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey: key } : { encryption: TableEncryption.DEFAULT }),
      deletionProtection: options.deletionProtection,
      // `npm run destroy` leaves nothing behind unless the owner asked for protection.
      removalPolicy: options.deletionProtection ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    // The own one stays beside an existing one: a choice in the configuration deletes no objects, and is undone by another.
    this.table =
      options.existingTable === ''
        ? own
        : Table.fromTableAttributes(this, 'Existing', {
            tableArn: options.existingTable.split('/stream/')[0]!,
            tableStreamArn: options.existingTable,
          })
    new CfnOutput(this, 'TableName', { value: this.table.tableName })
  }
}
