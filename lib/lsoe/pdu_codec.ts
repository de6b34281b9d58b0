/**
 * PDUs between octets and values (spec/lsoe.md §4): type 1 octet, length 2, value.
 *
 * @module
 */
import { ByteReader, ByteWriter, WireError, writeU16 } from "../wire/bytes.ts";
import { formatIp4, formatIp6, parseIp } from "../wire/ip.ts";
import { MAX_LENGTH } from "./datagram.ts";
import {
  type AcknowledgedType,
  type AckPdu,
  type Encapsulation,
  type EncapsulationPdu,
  type EncapsulationType,
  ID_OCTETS,
  MAX_LABELS,
  type OpenPdu,
  type Pdu,
  PduType,
  type VendorPdu,
} from "./pdu.ts";

/** Type and length. */
const HEADER = 3;
const MAX_ERROR_TYPE = 3;
const MAX_ERROR_CODE = 2;

/** Whether PDUs of this type are acknowledged. */
function isAcknowledged(type: number): type is AcknowledgedType {
  return type === PduType.Open || isEncapsulation(type) || type === PduType.Vendor;
}

/** Whether PDUs of this type carry a list of addresses. */
export function isEncapsulation(type: number): type is EncapsulationType {
  return type >= PduType.Ipv4 && type <= PduType.MplsIpv6;
}

/**
 * Reads one whole PDU. The value holds no view of the input. What stands behind the last known
 * field is ignored, except in HELLO and KEEPALIVE.
 * @throws {WireError} where it is none, at the octet that is wrong.
 */
export function decodePdu(bytes: Uint8Array): Pdu {
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  const length = reader.u16();
  if (length !== bytes.length) {
    throw new WireError(`PDU length ${length} in ${bytes.length} octets`, 1);
  }
  switch (type) {
    case PduType.Hello:
    case PduType.KeepAlive:
      if (length !== HEADER) throw new WireError(`PDU type ${type} of ${length} octets`, HEADER);
      return { type };
    case PduType.Open:
      return decodeOpen(reader);
    case PduType.Ack:
      return decodeAck(reader);
    case PduType.Vendor:
      return {
        type,
        enterprise: reader.u32(),
        enterpriseType: reader.u8(),
        data: reader.rest().slice(),
      };
    default:
      if (isEncapsulation(type)) return decodeEncapsulations(type, reader);
      throw new WireError(`PDU type ${type} is reserved`, 0);
  }
}

/**
 * The octets of a PDU. Of an encapsulation PDU with too long a list, the end is cut off:
 * {@linkcode encodeEncapsulations} tells how much.
 * @throws {RangeError} where a field does not fit.
 */
export function encodePdu(pdu: Pdu): Uint8Array {
  switch (pdu.type) {
    case PduType.Hello:
    case PduType.KeepAlive:
      return finish(begin(pdu.type));
    case PduType.Open:
      return encodeOpen(pdu);
    case PduType.Ack:
      return encodeAck(pdu);
    case PduType.Vendor:
      return encodeVendor(pdu);
    default:
      return encodeEncapsulations(pdu).bytes;
  }
}

/**
 * An encapsulation PDU of at most `maxLength` octets. `left`: how many entries at the end of the
 * list did not fit; the protocol has no continuation.
 * @throws {RangeError} where an entry is not one of this type.
 */
export function encodeEncapsulations(
  { type, encapsulations }: EncapsulationPdu,
  maxLength: number = MAX_LENGTH,
): { bytes: Uint8Array; left: number } {
  const most = Math.min(maxLength, MAX_LENGTH);
  const writer = begin(type).u16(0);
  let count = 0;
  for (const each of encapsulations) {
    if (writer.length + entryOctets(type, each) > most) break;
    writeEntry(writer, type, each);
    count++;
  }
  const bytes = finish(writer);
  writeU16(bytes, HEADER, count);
  return { bytes, left: encapsulations.length - count };
}

function decodeOpen(reader: ByteReader): OpenPdu {
  const nonce = reader.u32();
  const id = reader.take(ID_OCTETS).slice();
  const attributes = reader.take(reader.u8()).slice();
  const authentication = reader.take(reader.u16()).slice();
  return { type: PduType.Open, nonce, id, attributes, authentication };
}

function encodeOpen({ nonce, id, attributes, authentication }: OpenPdu): Uint8Array {
  if (id.length !== ID_OCTETS) throw new RangeError(`an LSOE id of ${id.length} octets`);
  if (attributes.length > 255) throw new RangeError(`${attributes.length} attributes`);
  checkUnsigned("nonce", nonce, 0xffff_ffff);
  const length = 20 + attributes.length + authentication.length;
  if (length > MAX_LENGTH) throw new RangeError(`an OPEN of ${length} octets`);
  return finish(
    begin(PduType.Open).u32(nonce).put(id).u8(attributes.length).put(attributes)
      .u16(authentication.length).put(authentication),
  );
}

function decodeAck(reader: ByteReader): AckPdu {
  const acknowledged = reader.u8();
  const error = reader.u16();
  const ack = {
    type: PduType.Ack,
    acknowledged: acknowledged as AcknowledgedType,
    errorType: error >> 12,
    errorCode: error & 0xfff,
    errorHint: reader.u16(),
  };
  const fault = ackFault(ack);
  if (fault) throw new WireError(fault, HEADER);
  return ack;
}

function encodeAck(ack: AckPdu): Uint8Array {
  const fault = ackFault(ack);
  if (fault) throw new RangeError(fault);
  checkUnsigned("error hint", ack.errorHint, 0xffff);
  return finish(
    begin(PduType.Ack).u8(ack.acknowledged).u16(ack.errorType << 12 | ack.errorCode)
      .u16(ack.errorHint),
  );
}

/** What is wrong with an ACK, if anything. */
function ackFault({ acknowledged, errorType, errorCode, errorHint }: AckPdu): string | undefined {
  if (!isAcknowledged(acknowledged)) return `ACK of PDU type ${acknowledged}`;
  if (errorType === 0) {
    return errorCode === 0 && errorHint === 0 ? undefined : "ACK without error, but with details";
  }
  if (errorType > MAX_ERROR_TYPE) return `ACK with reserved error type ${errorType}`;
  if (errorCode < 1 || errorCode > MAX_ERROR_CODE) return `ACK with error code ${errorCode}`;
  return undefined;
}

function encodeVendor({ enterprise, enterpriseType, data }: VendorPdu): Uint8Array {
  checkUnsigned("enterprise number", enterprise, 0xffff_ffff);
  checkUnsigned("enterprise type", enterpriseType, 0xff);
  const length = HEADER + 5 + data.length;
  if (length > MAX_LENGTH) throw new RangeError(`a VENDOR PDU of ${length} octets`);
  return finish(begin(PduType.Vendor).u32(enterprise).u8(enterpriseType).put(data));
}

function decodeEncapsulations(type: EncapsulationType, reader: ByteReader): EncapsulationPdu {
  const count = reader.u16();
  const smallest = entryOctets(type, undefined);
  // Before anything is made: a count says little about what is there.
  if (count * smallest > reader.remaining) {
    throw new WireError(`${count} encapsulations in ${reader.remaining} octets`, HEADER);
  }
  const encapsulations: Encapsulation[] = [];
  for (let i = 0; i < count; i++) encapsulations.push(readEntry(reader, type));
  return { type, encapsulations };
}

function readEntry(reader: ByteReader, type: EncapsulationType): Encapsulation {
  const flags = reader.u8();
  let labels: number[] | undefined;
  if (hasLabels(type)) {
    const labelCount = reader.u8();
    labels = [];
    for (let i = 0; i < labelCount; i++) labels.push(reader.u24());
  }
  const octets = addressOctets(type);
  const raw = reader.take(octets);
  const address = octets === 4 ? formatIp4(raw) : formatIp6(raw);
  const at = reader.offset;
  const prefixLength = reader.u8();
  if (prefixLength > 8 * octets) throw new WireError(`prefix length ${prefixLength}`, at);
  return labels ? { flags, address, prefixLength, labels } : { flags, address, prefixLength };
}

function writeEntry(writer: ByteWriter, type: EncapsulationType, each: Encapsulation): void {
  const { flags, address, prefixLength, labels = [] } = each;
  const octets = parseIp(address);
  if (octets?.length !== addressOctets(type)) {
    throw new RangeError(`"${address}" in a PDU of type ${type}`);
  }
  checkUnsigned("flags", flags, 0xff);
  checkUnsigned("prefix length", prefixLength, 8 * octets.length);
  writer.u8(flags);
  if (hasLabels(type)) {
    if (labels.length > MAX_LABELS) throw new RangeError(`${labels.length} labels of ${address}`);
    writer.u8(labels.length);
    for (const label of labels) {
      checkUnsigned("label", label, 0xff_ffff);
      writer.u24(label);
    }
  } else if (labels.length > 0) {
    throw new RangeError(`labels in a PDU of type ${type}`);
  }
  writer.put(octets).u8(prefixLength);
}

function entryOctets(type: EncapsulationType, each: Encapsulation | undefined): number {
  const labels = hasLabels(type) ? 1 + 3 * (each?.labels?.length ?? 0) : 0;
  return 1 + labels + addressOctets(type) + 1;
}

function hasLabels(type: EncapsulationType): boolean {
  return type === PduType.MplsIpv4 || type === PduType.MplsIpv6;
}

function addressOctets(type: EncapsulationType): 4 | 16 {
  return type === PduType.Ipv4 || type === PduType.MplsIpv4 ? 4 : 16;
}

/** A PDU whose length is filled in at the end. */
function begin(type: number): ByteWriter {
  return new ByteWriter().u8(type).u16(0);
}

function finish(writer: ByteWriter): Uint8Array {
  const bytes = writer.finish();
  writeU16(bytes, 1, bytes.length);
  return bytes;
}

function checkUnsigned(what: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new RangeError(`${what} ${value}`);
  }
}
