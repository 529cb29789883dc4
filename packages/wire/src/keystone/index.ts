export * from './replies.ts';
export * from './requests.ts';
