// Defines two rules for the language of the sources. Comments have at most 100 columns. Private
// terms that this project once used must not come back. test/unit/docs/plain-words.test.ts checks
// the documents with the same word list.

const maxColumns = 100;

/** A URL or a directive cannot be wrapped. */
const unbreakable = /https?:\/\/|eslint-|@ts-|prettier-ignore/;

/** Private terms and constructions that are hard to read, each with its replacement. */
export const plainWords = [
  { term: /\blet(s|ting)? go of\b/i, use: "release, close or delete" },
  { term: /\bgiven away\b/i, use: '"transferred", and name the new owner' },
  { term: /\blent\b/i, use: '"borrowed"' },
  { term: /\bmend(s|ed|ing)?\b/i, use: '"repair"' },
  { term: /\bknock(s|ed|ing)?\b/i, use: '"connect" or "call"' },
  {
    term: /(?<!\bthere )\b(is|are|was|were) none\b/i,
    use: '"is invalid", "is not a …" or "does not exist"',
  },
  { term: /\b(can|is|does|do|did|was|wo|has)n?'t\b/i, use: 'the long form, for example "cannot"' },
  { term: /(^|[.:;]\s+)who [a-z]+s\b/i, use: 'a subject: "the caller that …"' },
  { term: /\bwhom nobody\b/i, use: '"unauthenticated callers"' },
  { term: /(^|[.:;,]\s+)(what|who) has\b/i, use: 'a subject: "data that has …"' },
  { term: /(^|[.:;]\s+)which of\b/i, use: '"selects …", "the one that …"' },
  { term: /(^|[.:;]\s+)(Were|Had|Should) (a|all|an|it|one|the|they)\b/, use: '"if" or "when"' },
  { term: /\bpass(ed|es)? over\b/i, use: '"skip" or "ignore"' },
  { term: /\banew\b/i, use: '"again"' },
  { term: /\b(hears?|tells?) of\b/i, use: '"is notified of" or "reports"' },
  { term: /\ball the same\b/i, use: '"nevertheless"' },
  { term: /\b(go|goes|going|gone) on\b/i, use: '"continue"' },
  { term: /\bunfold(s|ed|ing)?\b/i, use: '"decompress"' },
  { term: /\b(is|are|was|were) told\b/i, use: '"receives", or what the answer says' },
  { term: /\bwhoever\b/i, use: 'a subject: "the caller that …"' },
  { term: /\bdata (are|were)\b/i, use: 'the singular: "the data is"' },
  { term: /\b(puts|be put|is put|was put|were put) back\b/i, use: '"restore"' },
  { term: /\b(break|breaks|broken|breaking) off\b/i, use: '"interrupt", "abort" or "end early"' },
  { term: /\bgiv(e|es|en|ing) (it |them )?back\b/i, use: '"release" or "return"' },
  { term: /\bso (many|much) (bytes|more|streams|time|zeros)\b/i, use: '"this many"' },
  { term: /\bstand(s|ing)? (in|beside|behind)\b/i, use: '"is in"' },
  {
    term: /(?<!\bthere )\bis no (?!longer|more|less|such|need|room|proof)/i,
    use: '"is not a …"',
  },
];

/** Returns the replacement for the first private term in a text, or undefined. */
export function plainWordFor(text) {
  for (const { term, use } of plainWords) {
    const found = term.exec(text);
    if (found !== null) return { found: found[0].trim(), use };
  }
  return undefined;
}

const commentWidth = {
  meta: {
    type: "layout",
    docs: { description: "comments have at most 100 columns" },
    schema: [],
    messages: { wide: "This comment has {{ columns }} columns, at most {{ maxColumns }} fit." },
  },
  create({ sourceCode, report }) {
    const check = (line) => {
      const text = sourceCode.lines[line - 1];
      if (text.length <= maxColumns || unbreakable.test(text)) return;
      const loc = { start: { line, column: maxColumns }, end: { line, column: text.length } };
      report({ loc, messageId: "wide", data: { columns: text.length, maxColumns } });
    };
    return {
      Program() {
        for (const { loc } of sourceCode.getAllComments()) {
          for (let line = loc.start.line; line <= loc.end.line; line += 1) check(line);
        }
      },
    };
  },
};

const plainEnglish = {
  meta: {
    type: "suggestion",
    docs: { description: "comments and messages use the terms of the field" },
    schema: [],
    messages: { term: "“{{ found }}” is hard to read here; write {{ use }}." },
  },
  create({ sourceCode, report }) {
    const check = (node, text) => {
      const data = plainWordFor(text);
      if (data !== undefined) report({ node, loc: node.loc, messageId: "term", data });
    };
    return {
      Program() {
        for (const paragraph of paragraphs(sourceCode.getAllComments())) {
          check(paragraph, paragraph.text);
        }
      },
      Literal(node) {
        if (typeof node.value === "string" && isSentence(node.value)) check(node, node.value);
      },
      TemplateElement(node) {
        if (isSentence(node.value.raw)) check(node, node.value.raw);
      },
    };
  },
};

/** Joins line comments that follow each other, because a sentence may span several lines. */
export function paragraphs(comments) {
  const joined = [];
  for (const { type, value, loc } of comments) {
    const text = value.replace(/^\s*\*+ ?/gm, "").trim();
    const last = joined.at(-1);
    if (type === "Line" && last?.type === "Line" && last.loc.end.line === loc.start.line - 1) {
      last.text += ` ${text}`;
      last.loc = { start: last.loc.start, end: loc.end };
    } else joined.push({ type, text: text.replace(/\s*\n\s*/g, " "), loc });
  }
  return joined;
}

/** Returns whether a string is prose. Identifiers, paths and patterns are not. */
function isSentence(text) {
  return /[a-z]+ [a-z]+ [a-z]+/i.test(text);
}

export const commentRules = { "comment-width": commentWidth, "plain-english": plainEnglish };
