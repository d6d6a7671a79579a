import type { Target } from '../machinery.ts'
import { clone } from '../objects.ts'
import type { Endpoint } from '../registry.ts'
import { bodyFormat, negotiate, patchType } from '../request/negotiation.ts'
import { parseWriteOptions } from '../request/options.ts'
import { answerObject } from '../response/respond.ts'
import { findSchema } from '../schema/schemas.ts'
import * as status from '../status-error.ts'
import type { KubeObject } from '../types.ts'
import { checkNamespace } from '../verbs/create.ts'
import { decodeBody, type Expected } from '../verbs/decode.ts'
import { getObject } from '../verbs/list.ts'
import { parsePatch } from '../verbs/patch.ts'
import { CUSTOM_SCALE_ENDPOINT, patchScale, SCALE, SCALE_ENDPOINT, type Scale, scaleOf, updateScale } from '../verbs/scale.ts'
import { checkName } from '../verbs/update.ts'
import { readBody } from './body.ts'
import { contextOf, type ResourceRequest, TRANSFORMS, userAgent } from './call.ts'

export async function handleScale(call: ResourceRequest, target: Target): Promise<Response> {
  const { machinery, request, query, responder } = call
  const strategy = target.endpoint.definition.scale
  if (strategy === undefined) throw status.unknownPath()
  const negotiated = negotiate(request, query, TRANSFORMS)
  const shown = target.endpoint.definition.custom ? CUSTOM_SCALE_ENDPOINT : SCALE_ENDPOINT
  const answer = (parent: KubeObject) => answerObject(responder, negotiated, 200, scaleOf(parent, strategy), shown)
  if (request.method === 'GET') return answer(await getObject(machinery, target))
  if (request.method === 'PUT') {
    const format = bodyFormat(request.headers.get('content-type'))
    const body = await readBody(request)
    const context = contextOf(call, parseWriteOptions('UpdateOptions', query, userAgent(request)))
    const scale = decodeBody(machinery.engines, body, format, scaleBody(target.endpoint), context) as Scale
    checkName(scale, target)
    checkNamespace(scale, target)
    return answer((await updateScale(machinery, target, strategy, { retries: 0, desired: () => clone(scale) }, context)).object)
  }
  const type = patchType(request.headers.get('content-type'))
  const body = await readBody(request)
  const options = parseWriteOptions('PatchOptions', query, userAgent(request), type === 'apply')
  const context = contextOf(call, options)
  const parsed = parsePatch(machinery.engines, type, body, options.force ?? false)
  return answer((await patchScale(machinery, target, strategy, parsed, context)).object)
}

/** Clients of versions that had a Scale of their own send that one; they are answered in the one that discovery tells of. */
function scaleBody({ group, version, storage, apiVersion }: Endpoint): Expected {
  const schema = `io.k8s.api.${group}.${version.version}.Scale`
  if (version === storage || findSchema(schema) === undefined) return SCALE
  return { ...SCALE, alternatives: [{ apiVersion, kind: SCALE.kind, schema }] }
}
