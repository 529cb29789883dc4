export * from './ims/codes.ts';
