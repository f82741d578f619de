/** A real Celery worker for tests, where there is a Python that has Celery. */

import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const VARIABLE = 'CELERIAC_CELERY_PYTHON'
const python = process.env[VARIABLE] ?? ''

if (python === '' && (process.env['CELERIAC_REQUIRE'] ?? '').split(',').includes('celery'))
  throw new Error(`CELERIAC_REQUIRE names celery, but ${VARIABLE} is not set`)

/** Why tests with a worker are skipped, if they are. */
export const noCelery = python === '' && `SKIPPED celery: set ${VARIABLE} to a Python that has Celery`

/** Why tests of a serializer are skipped, if they are: Celery has packages of its own for each. */
export const noSerializers =
  noCelery ||
  (spawnSync(python, ['-c', 'import msgpack, yaml']).status !== 0 &&
    'SKIPPED serializers: that Python has no msgpack or no PyYAML')

/** A worker that runs. */
export interface Worker {
  /** Name of its node. */
  readonly node: string
  stop(): Promise<void>
}

/** Starts a worker with the tasks of `celery_tasks.py`; resolves when it is ready. */
export function startWorker(broker: string, backend: string, queue: string): Promise<Worker> {
  const node = `${queue}@localhost`
  const options = ['worker', '-P', 'solo', '-Q', queue, '-n', node, '--without-gossip', '--without-mingle', '-E']
  const child = spawn(python, ['-m', 'celery', '-A', 'celery_tasks', ...options, '-l', 'info'], {
    cwd: fileURLToPath(new URL('../../test', import.meta.url)),
    env: { ...process.env, BROKER: broker, BACKEND: backend, QUEUE: queue, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve()
    }),
  )
  const stop = (): Promise<void> => {
    child.kill('SIGTERM')
    return ended
  }
  return new Promise((resolve, reject) => {
    let log = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
      if (text.includes(' ready.')) resolve({ node, stop })
    })
    void ended.then(() => {
      reject(new Error(`the worker ended: ${log}`))
    })
  })
}
