// npm run test:book: every row of the tour, with both kubectl versions.
process.env.ZEROPLANE_TEST_BOOK = 'full'
process.argv.splice(2, process.argv.length, ...(process.argv.length > 2 ? process.argv.slice(2) : ['test/book']))
await import('./test.ts')
