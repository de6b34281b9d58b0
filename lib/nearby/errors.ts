/**
 * What can go wrong with names, addresses and messages (`spec/networkzero.md §5`). Each message is a
 * sentence for somebody who learns to program: what is wrong, and what to do.
 *
 * @module
 */

/** The mother of all errors of this room. */
export class NetworkZeroError extends Error {
  override name = "NetworkZeroError";
}

/** The address is used already: by this program or by another one. */
export class SocketAlreadyExistsError extends NetworkZeroError {
  override name = "SocketAlreadyExistsError";
}

/** Nobody answered in time. */
export class SocketTimedOutError extends NetworkZeroError {
  override name = "SocketTimedOutError";
  /** How long was waited, in seconds. */
  readonly seconds: number;

  constructor(seconds: number, message = `nobody answered within ${seconds} seconds`) {
    super(message);
    this.seconds = seconds;
  }
}

/** A wait was ended from outside. */
export class SocketInterruptedError extends NetworkZeroError {
  override name = "SocketInterruptedError";
  /** After how many seconds. */
  readonly after: number;

  constructor(after: number) {
    super(`the wait was stopped after ${after} seconds`);
    this.after = after;
  }
}

/** A host that nobody knows, or an address that cannot be used for this. Not an `AddressError`. */
export class InvalidAddressError extends NetworkZeroError {
  override name = "InvalidAddressError";
  readonly address: string;

  constructor(address: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.address = address;
  }
}

/** A text that is no address. */
export class AddressError extends NetworkZeroError {
  override name: string = "AddressError";
}

/** This computer has no address of the wanted sort. */
export class NoAddressFoundError extends AddressError {
  override name = "NoAddressFoundError";
}
