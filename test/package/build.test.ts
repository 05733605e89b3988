// Runs in: the test runner. How the native libraries of the package are made, in copies of the repository: the same
// bytes anywhere, with each compiler, and no package without the right ones.
import assert from 'node:assert/strict'
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { newFolder, ROOT, run } from './tarball.js'

const LIBRARIES = ['linux-x64.node', 'linux-x64-preload.so', 'linux-arm64.node', 'linux-arm64-preload.so']

/** A clone of the repository, as far as the native libraries and their check need it. */
function newClone({ name = 'clone', built = false } = {}): string {
  const clone = path.join(newFolder(), name)
  mkdirSync(path.join(clone, 'dist'), { recursive: true })
  const generated = ['native/build', ...(built ? [] : ['native/prebuilds'])].map((folder) => path.join(ROOT, folder))
  for (const folder of ['native', 'scripts'])
    cpSync(path.join(ROOT, folder), path.join(clone, folder), {
      recursive: true,
      preserveTimestamps: true,
      filter: (file) => !generated.includes(file),
    })
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(clone, 'node_modules'))
  return clone
}

interface Ending {
  exitCode: number
  stderr: string
}

async function runScript(clone: string, script: string, env: NodeJS.ProcessEnv = {}): Promise<Ending> {
  const args = [path.join(clone, 'scripts', script)]
  return run(process.execPath, args, { env: { ...process.env, ...env } }).then(
    ({ stderr }) => ({ exitCode: 0, stderr }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ exitCode: code, stderr }),
  )
}

const prebuild = (clone: string, library: string): string => path.join(clone, 'native', 'prebuilds', library)

describe('the prebuilt libraries', () => {
  test('are the same bytes in every folder, and no compiler warns', async () => {
    const clones = [newClone({ name: 'one' }), newClone({ name: 'a longer name, with spaces' })]
    for (const clone of clones)
      assert.deepEqual(await runScript(clone, 'build-prebuilds.mjs', { CI: '1' }), { exitCode: 0, stderr: '' })
    for (const library of LIBRARIES) {
      const [one, other] = clones.map((clone) => readFileSync(prebuild(clone, library)))
      assert.ok(one!.equals(other!), library)
      assert.ok(one!.equals(readFileSync(prebuild(ROOT, library))), `${library} of this folder`)
    }
  })

  test('demand no library, and no version of a function', async () => {
    for (const library of LIBRARIES) {
      const { stdout } = await run('readelf', ['--wide', '--dynamic', '--version-info', prebuild(ROOT, library)])
      assert.doesNotMatch(stdout, /NEEDED|GLIBC|TEXTREL|RPATH|RUNPATH/, library)
      assert.match(stdout, /BIND_NOW/, library)
    }
  })
})

describe('npm pack', () => {
  // npm runs this before it packs.
  const check = (clone: string): Promise<Ending> => runScript(clone, 'check-package.mjs')

  test('is right with the libraries that were made from these sources', async () => {
    assert.deepEqual(await check(newClone({ built: true })), { exitCode: 0, stderr: '' })
  })

  for (const library of LIBRARIES) {
    test(`refuses if ${library} is missing`, async () => {
      const clone = newClone({ built: true })
      rmSync(prebuild(clone, library))
      const { exitCode, stderr } = await check(clone)
      assert.equal(exitCode, 1)
      assert.ok(stderr.includes(`- ${library} is missing.\nRun npm run build:prebuilds`), stderr)
    })
  }

  for (const changed of ['native/fork/reap.c', 'native/preload/exports.map', 'scripts/native-libraries.mjs']) {
    test(`refuses if ${changed} has changed since`, async () => {
      const clone = newClone({ built: true })
      appendFileSync(path.join(clone, changed), '\n')
      const { exitCode, stderr } = await check(clone)
      assert.equal(exitCode, 1)
      assert.equal(stderr.match(/ was not made from the present sources\./g)?.length, LIBRARIES.length)
      assert.match(stderr, /Run npm run build:prebuilds/)
    })
  }

  test('refuses a function that is too new for the oldest glibc, one that none has, and one that changed', async () => {
    const clone = newClone()
    // gettid(2) came with glibc 2.30; timer_create() of x64 changed in 2.3.3.
    appendFileSync(
      path.join(clone, 'native/preload/interpose.c'),
      `
      #include <time.h>
      int no_such_function(void);
      __attribute__((constructor)) static void use_others(void) {
        timer_t timer;
        if (timer_create(CLOCK_REALTIME, NULL, &timer)) _exit((int)gettid() + no_such_function());
      }
      `,
    )
    const { exitCode, stderr } = await runScript(clone, 'build-prebuilds.mjs')
    assert.equal(exitCode, 1)
    assert.match(
      stderr,
      /linux-x64-preload\.so uses gettid, which glibc has since 2\.30 only\. It must work with 2\.28\./,
    )
    assert.match(stderr, /linux-x64-preload\.so uses no_such_function, which neither Node nor glibc has\./)
    assert.match(stderr, /linux-x64-preload\.so uses timer_create, whose versions in glibc differ\./)
  })

  test('refuses libraries that were linked in the usual way', async () => {
    const clone = newClone()
    const recipe = path.join(clone, 'scripts/native-libraries.mjs')
    const usual = readFileSync(recipe, 'utf8').replace(/ -nostdlib\b/, '')
    writeFileSync(recipe, usual)
    const { exitCode, stderr } = await runScript(clone, 'build-prebuilds.mjs')
    assert.equal(exitCode, 1)
    assert.match(stderr, /linux-x64\.node demands fork of version GLIBC_\S+: it was not linked with -nostdlib\./)
  })

  test('refuses a compiled file whose source is gone', async () => {
    const clone = newClone({ built: true })
    writeFileSync(path.join(clone, 'dist', 'gone.test.js'), '')
    const { exitCode, stderr } = await check(clone)
    assert.equal(exitCode, 1)
    assert.match(stderr, /dist\/gone\.test\.js has no source in src\/\.\nDelete dist\/ and build\//)
  })
})

describe('a clone on another system', () => {
  test('compiles with the headers of musl, without a warning', async () => {
    const clone = newClone()
    assert.deepEqual(await runScript(clone, 'build-native.mjs', { CC: 'musl-gcc', CI: '1' }), {
      exitCode: 0,
      stderr: '',
    })
  })
})
