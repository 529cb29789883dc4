// Which room may import which (docs/architecture.md). `scripts/import-rules.test.ts` proves that a
// forbidden import is found: dependency-cruiser without a TypeScript parser reads nothing and is content.
/** @param {string} name @param {string} from @param {string} to @param {string} comment */
const rule = (name, from, to, comment, pathNot) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from, ...(pathNot ? { pathNot } : {}) },
  to: { path: to },
});
const tests = '\\.test\\.ts$';

module.exports = {
  forbidden: [
    rule(
      'engine-knows-nobody',
      '^packages/engine/',
      '^packages/(core|wire|server|cli)/',
      'engine is a library of its own',
    ),
    rule(
      'core-knows-engine-only',
      '^packages/core/',
      '^packages/(wire|server|cli)/',
      'core is the product without HTTP',
    ),
    rule(
      'wire-stands-alone',
      '^packages/wire/',
      '^packages/(engine|core|server|cli)/',
      'wire is what others see',
    ),
    rule('server-not-cli', '^packages/server/', '^packages/cli/', 'the program composes the server'),
    rule(
      'cli-through-server',
      '^packages/cli/',
      '^packages/core/',
      'the command line uses the public API or the server',
    ),
    rule(
      'engine-is-pure',
      '^packages/engine/src/',
      '^(fs|fs/promises|net|http|https|child_process|worker_threads|os|process|path)$',
      'files, threads and clocks live in engine/node',
      `(^packages/engine/src/node/|${tests})`,
    ),
    rule(
      'core-knows-no-http',
      '^packages/core/src/',
      '^(http|https|net|tls)$|node_modules/fastify',
      'no HTTP in core',
      tests,
    ),
    rule(
      'sql-in-catalog-only',
      '^packages/(core|server|cli)/src/',
      'node_modules/(kysely|pg)/|^sqlite$',
      'all SQL is in core/catalog (the data folder lock is an empty SQLite file)',
      `(^packages/core/src/catalog/|^packages/server/src/data-folder|${tests})`,
    ),
    rule(
      'dialects-stand-apart',
      '^packages/server/src/dialects/([^/]+)/',
      '^packages/server/src/dialects/(?!$1/)',
      'what dialects share is http/, auth/ or errors/',
      `(^packages/server/src/dialects/(ims|glance)/|${tests})`,
    ),
    rule(
      'ims-shows-glance-images',
      '^packages/server/src/dialects/ims/',
      '^packages/server/src/dialects/(?!ims/|glance/)',
      'one image object in both APIs: IMS uses the view and list query of Glance, and nothing else',
      tests,
    ),
    rule(
      'glance-root-names-identity',
      '^packages/server/src/dialects/glance/',
      '^packages/server/src/dialects/(?!glance/|keystone/discovery)',
      'the root document of the image host has an entry of the identity service',
      tests,
    ),
    rule(
      'black-box',
      '^tests/acceptance/',
      '^packages/',
      'acceptance tests see the product from outside',
      'harness',
    ),
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^tests/fixtures/|/dist/)' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
