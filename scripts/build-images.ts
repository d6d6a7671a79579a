// Builds the agent's and the demo's images into the local Docker Engine: `node scripts/build-images.ts`. `npm start` does it by itself.
import Docker from 'dockerode'
import { ensureImages } from './images/ensure.ts'

const images = await ensureImages({ docker: new Docker(), cache: 'node_modules/.cache/zeroplane', log: line => console.error(line) })
console.log([images.agent, ...images.demo].join('\n'))
