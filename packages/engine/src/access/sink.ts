/** Where an output file's bytes go: positioned writes to a new file. */
export interface Sink {
  /** Write all of `bytes` at `offset`; places never written read as zeros. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Set the final length in bytes. */
  truncate(size: number): Promise<void>;
  /** Make everything written so far durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
