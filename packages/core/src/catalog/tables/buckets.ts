export interface BucketsTables {}
