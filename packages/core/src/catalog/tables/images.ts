export interface ImagesTables {}
