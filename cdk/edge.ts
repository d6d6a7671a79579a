import { Duration, Fn, Stack } from 'aws-cdk-lib'
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  HttpVersion,
  OriginProtocolPolicy,
  OriginRequestPolicy,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront'
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins'
import type { IFunctionUrl } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import type { Environment } from '../shared/aws/environment.ts'

/** The header that only CloudFront knows to send. */
const HEADER = 'x-zeroplane-origin'

/** The longest silence that CloudFront allows an origin without a raised quota; the API breaks it every 30 s (docs/deploy.md). */
const READ_TIMEOUT = Duration.seconds(120)

/**
 * CloudFront in front of the Function URL: an address near the user, and a place for a web application firewall. Nothing is cached, and
 * answers stream through. Origin access control is of no use here: Lambda then wants the SHA-256 of each body in a header, which no
 * Kubernetes client sends, and the signature takes the place of the client's own Authorization. So CloudFront proves itself with a header.
 */
export class Edge extends Construct {
  static readonly NONE: Pick<Environment, 'ORIGIN_SECRET' | 'HEARTBEAT_SECONDS'> = { ORIGIN_SECRET: '', HEARTBEAT_SECONDS: '0' }

  static environment(scope: Construct): Pick<Environment, 'ORIGIN_SECRET' | 'HEARTBEAT_SECONDS'> {
    return { ORIGIN_SECRET: secretOf(scope), HEARTBEAT_SECONDS: '30' }
  }

  readonly url: string

  constructor(scope: Construct, id: string, functionUrl: IFunctionUrl) {
    super(scope, id)
    const host = Fn.select(2, Fn.split('/', functionUrl.url))
    const distribution = new Distribution(this, 'Distribution', {
      comment: 'Zeroplane: the Kubernetes API',
      httpVersion: HttpVersion.HTTP2,
      defaultBehavior: {
        origin: new HttpOrigin(host, {
          protocolPolicy: OriginProtocolPolicy.HTTPS_ONLY,
          customHeaders: { [HEADER]: secretOf(this) },
          readTimeout: READ_TIMEOUT,
        }),
        allowedMethods: AllowedMethods.ALLOW_ALL,
        viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
        cachePolicy: CachePolicy.CACHING_DISABLED,
        originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        compress: false, // it would hold back a stream until there is enough to compress
      },
    })
    this.url = `https://${distribution.distributionDomainName}`
  }
}

/**
 * The random part of the stack's id: nobody outside of the account knows it, it stands in no template, and it needs no secret store. It
 * keeps requests from going round CloudFront; who somebody is, the API asks in any case.
 */
function secretOf(scope: Construct): string {
  return Fn.select(2, Fn.split('/', Stack.of(scope).stackId))
}
