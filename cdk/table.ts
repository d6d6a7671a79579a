import { CfnOutput, RemovalPolicy } from 'aws-cdk-lib'
import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb'
import { Construct } from 'constructs'

/** The one table: objects, revision heads and logs of every cluster (docs/store.md). Pay per request; nothing when idle. */
export class ObjectTable extends Construct {
  readonly table: Table

  constructor(scope: Construct, id: string, options: { deletionProtection: boolean }) {
    super(scope, id)
    this.table = new Table(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      stream: StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: 'expires',
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      // The key that AWS owns costs nothing; docs/security.md says how to bring a customer's own.
      encryption: TableEncryption.DEFAULT,
      deletionProtection: options.deletionProtection,
      // `npm run destroy` leaves nothing behind unless the owner asked for protection.
      removalPolicy: options.deletionProtection ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    new CfnOutput(this, 'TableName', { value: this.table.tableName })
  }
}
