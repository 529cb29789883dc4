/** Every bound of the engine, with its reason. Units last in each name. */
const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const TiB = 1024 * GiB;

export const limits = {
  /** VHDX's maximum, more than any cloud volume, far below 2^53. */
  virtualSizeBytes: 64 * TiB,
  /** What detection and the header checks may read before a verdict. */
  verdictBytes: 8 * MiB,
  /** One contiguous table on disk: a VDI map or QCOW v1 L1 at 63 TiB is 252 MiB. */
  tableBytes: 512 * MiB,
  qcow2L1Bytes: 32 * MiB,
  qcow2RefcountTableBytes: 8 * MiB,
  qcow2SnapshotTableBytes: 64 * MiB,
  qcow2Snapshots: 65_536,
  /** Real files have at most six; cluster 0 could hold 262 144 empty ones. */
  qcow2Extensions: 256,
  /** Table pages kept in memory for one open disk (pages of 64 KiB). */
  pageCacheBytes: 16 * MiB,
  pageBytes: 64 * KiB,
  /** The longest extent a driver joins, so that nobody waits long for the next one. */
  extentBytes: 1 * GiB,
  /** The map of file units already used, one bit each; coarser beyond. */
  duplicateMapBytes: 32 * MiB,
  vhdxLogBytes: 64 * MiB,
  descriptorBytes: 64 * KiB,
  descriptorLineBytes: 4096,
  descriptorLines: 10_000,
  shownTextCharacters: 256,
  /** Allocation units by format; only packed units are ever held whole in memory. */
  qcow2ClusterBytes: 2 * MiB,
  qedClusterBytes: 64 * MiB,
  vmdkGrainBytes: 1 * MiB,
  blockBytes: 256 * MiB,
  zvhdBlockBytes: 32 * MiB,
} as const;

/** Most input one packed unit may have: twice its output and a header (H6). */
export const packedInputLimitBytes = (unitBytes: number): number => 2 * unitBytes + 4 * KiB;
