import { join } from 'node:path';
import {
  createBlobs,
  createBuckets,
  createIdentity,
  createImages,
  createJobs,
  createTransfer,
  migrate,
  openFolderStore,
  openPostgresql,
  openSqlite,
  otcImageSettings,
  Runner,
} from '@imageyard/core';
import type { Blobs, Buckets, Catalog, Identity, Images, Jobs, RunnerEvent, Transfer } from '@imageyard/core';
import { createHashFollower } from '@imageyard/engine/node';
import type { Settings } from './config.ts';
import type { DataFolder } from './data-folder.ts';

/** Every room of `core`, put together over one catalogue and one store. */
export interface Rooms {
  readonly catalog: Catalog;
  readonly identity: Identity;
  readonly blobs: Blobs;
  readonly buckets: Buckets;
  readonly images: Images;
  readonly jobs: Jobs;
  readonly transfer: Transfer;
  readonly runner: Runner;
  /** Close what is open; the runner must have stopped. */
  close(): Promise<void>;
}

/** Open the catalogue and bring its schema up to date. */
async function openCatalog(settings: Settings): Promise<Catalog> {
  const catalog = settings.databaseUrl.startsWith('sqlite:')
    ? openSqlite(settings.databaseUrl.slice('sqlite:'.length))
    : await openPostgresql(settings.databaseUrl, { exclusive: true }).catch((error: Error) => {
        throw new Error(`the database named by DATABASE_URL can't be used: ${error.message}`, {
          cause: error,
        });
      });
  try {
    await migrate(catalog);
    return catalog;
  } catch (error) {
    await catalog.close();
    throw error;
  }
}

/** @param report told what an operator should see of the jobs */
export async function openRooms(
  settings: Settings,
  folder: DataFolder,
  report: (event: RunnerEvent) => void,
): Promise<Rooms> {
  const catalog = await openCatalog(settings);
  try {
    const store = await openFolderStore(join(folder.path, 'store'));
    const blobs = createBlobs({ catalog, store, createHashFollower });
    const identity = createIdentity({
      catalog,
      secretKey: folder.secretKey,
      settings: { tokenLifeMs: settings.tokenLifeMs },
    });
    const buckets = createBuckets({ catalog, blobs, createHashFollower });
    const images = createImages({ catalog, settings: imageSettings(settings) });
    const transfer = createTransfer({
      catalog,
      store,
      blobs,
      images,
      buckets,
      settings: transferSettings(settings),
    });
    const runner = new Runner({
      catalog,
      handlers: transfer.handlers,
      exclusive: true, // the data folder is held by this process alone
      projectLimit: settings.runningJobsPerProject,
      leaseMs: settings.leaseMs,
      heartbeatMs: settings.heartbeatMs,
      selfAbortMs: Math.round(settings.leaseMs * 0.7),
      ...(settings.workerSlots ? { heavySlots: settings.workerSlots } : {}),
      report,
    });
    const close = async (): Promise<void> => {
      buckets.close();
      await blobs.close();
      await identity.cleanUp().catch(() => {}); // last uses of keys; the next start can do without
      await catalog.close();
    };
    return { catalog, identity, blobs, buckets, images, jobs: createJobs(catalog), transfer, runner, close };
  } catch (error) {
    await catalog.close();
    throw error;
  }
}

function imageSettings(settings: Settings) {
  const { defaultDiskFormat } = settings;
  return {
    ...otcImageSettings,
    defaultDiskFormat: defaultDiskFormat === 'keep' ? otcImageSettings.defaultDiskFormat : defaultDiskFormat,
    imagesPerProject: settings.imageQuota ?? null,
    tagsPerImage: settings.tagsPerImage,
  };
}

function transferSettings(settings: Settings) {
  return {
    defaultFormat: settings.defaultDiskFormat,
    registerLimitBytes: settings.registerSizeLimitBytes,
    uploadLimitBytes: settings.uploadSizeLimitBytes,
    virtualSizeLimitBytes: settings.systemDiskLimitBytes,
    acceptedJobs: settings.acceptedJobsPerProject,
  };
}
