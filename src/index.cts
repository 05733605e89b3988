// Runs in: owner. The public face for require(), with types that a CommonJS program in TypeScript can use. It is the
// same ES module that import gives, because Node can require one.
import face = require('./index.js')

export = face
