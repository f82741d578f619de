/** The public names of the package; everything else is internal. */

export { Client } from './client.js'
export type { AnyTasks, ArgsOf, Call, ClientOptions, ReturnOf, TaskMap, TaskName } from './client.js'
export {
  BrokerUnavailable,
  CeleriacError,
  InvalidCall,
  InvalidMessage,
  NotRegistered,
  PublishFailed,
  ResultError,
  TaskFailure,
  TaskRevoked,
  TaskTimeout,
  TransportError,
} from './errors.js'
export type { RemoteException } from './errors.js'
export type { Extra, Field, FieldType, Snake } from './fields.js'
export { build, FIELDS, parse } from './message.js'
export type { TaskMessage, Wire } from './message.js'
export type { SendOptions } from './options.js'
export { buildResult, isTerminal, outcome, parseResult, RESULT_FIELDS } from './result.js'
export type { ResultMessage } from './result.js'
export { decode, encode } from './serialization.js'
export type { Encoded, ReadOptions } from './serialization.js'
export { parseSignature, signature, SIGNATURE_FIELDS } from './signature.js'
export type { Signature, SignatureOptions } from './signature.js'
export { TaskResult } from './task-result.js'
export type { GetOptions } from './task-result.js'
export { buildEnvelope, ENVELOPE_FIELDS, parseEnvelope } from './transport/envelope.js'
export type { Envelope } from './transport/envelope.js'
export { MemoryTransport } from './transport/memory.js'
export type { Broker, ResultSlot, ResultStore, Route } from './transport/transport.js'
export { DateTime, Decimal, Float, instantOf, LocalDate, LocalTime, Uuid } from './values.js'
export type { Value, ValueMap } from './values.js'
