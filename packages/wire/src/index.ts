export * from './ims/codes.ts';
export * from './ims/schemas.ts';
export * from './glance/image-schema.ts';
export * from './glance/requests.ts';
export * as keystone from './keystone/index.ts';
export { schemaFaults } from './faults.ts';
export type { SchemaFault } from './faults.ts';
