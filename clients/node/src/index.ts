/** The public names of the package; everything else is internal. */

export { chain, chord, chunks, group, map, starmap } from './canvas.js'
export { Client } from './client.js'
export type { AnyTasks, ArgsOf, Call, ClientOptions, ReturnOf, TaskMap, TaskName } from './client.js'
export { buildControl, buildReply, CONTROL_FIELDS, parseControl, parseReply, REPLY_FIELDS } from './control.js'
export type { ControlReply, ControlRequest } from './control.js'
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
export { EventStream } from './event-stream.js'
export type { EventOptions } from './event-stream.js'
export { buildEvents, EVENT_FIELDS, EVENT_MESSAGE_FIELDS, parseEvents } from './events.js'
export type { CeleryEvent, EventMessage } from './events.js'
export type { Extra, Field, FieldType, Snake } from './fields.js'
export { GroupResult } from './group-result.js'
export type { Limits } from './limits.js'
export { build, FIELDS, parse } from './message.js'
export type { TaskMessage } from './message.js'
export { FIELDS_V1, isV1, parseV1 } from './message-v1.js'
export type { TaskMessageV1 } from './message-v1.js'
export type { ApplyOptions, SendOptions } from './options.js'
export { RemoteControl } from './remote-control.js'
export type {
  BroadcastOptions,
  ControlOptions,
  NodeReply,
  OrderOptions,
  OrderReply,
  RevokeOptions,
  TaskInfo,
} from './remote-control.js'
export { buildGroup, buildResult, isTerminal, outcome, parseGroup, parseResult, RESULT_FIELDS } from './result.js'
export type { ResultMessage, ResultTuple, SavedGroup } from './result.js'
export { parseSigned } from './signed.js'
export type { SignedBody, SignedOptions } from './signed.js'
export { decode, encode } from './serialization.js'
export type { Encoded, ReadOptions, Serializer } from './serialization.js'
export { parseSignature, signature, SIGNATURE_FIELDS } from './signature.js'
export type { CallOptions, CanvasEnd, Signature, SignatureOptions } from './signature.js'
export { TaskResult } from './task-result.js'
export type { GetOptions } from './task-result.js'
export { buildEnvelope, ENVELOPE_FIELDS, parseEnvelope } from './transport/envelope.js'
export type { Envelope } from './transport/envelope.js'
export { MemoryTransport } from './transport/memory.js'
export type { Broker, Bus, ResultSlot, ResultStore, Route, Stop } from './transport/transport.js'
export { DateTime, Decimal, Float, instantOf, LocalDate, LocalTime, Uuid } from './values.js'
export type { Value, ValueMap } from './values.js'
export type { Content, Wire } from './wire.js'
