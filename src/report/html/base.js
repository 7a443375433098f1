// Elements and texts. Whatever comes from outside goes through `outside`, which makes text nodes and nothing else;
// no function here takes markup.

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an element: attributes by name, then children (nodes, or our own texts). */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function draw(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// What commands a direction of reading or can't be seen. Joiners stay: scripts and emoji need them.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** A text from outside, as text nodes; controls are shown by their code. `needle` is marked where it is found. */
function pieces(text, needle) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(CONTROLS)) {
    if (found[0] === '\r') continue;
    nodes.push(...marked(text.slice(from, found.index), needle));
    const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
    nodes.push(make('span', { class: 'control', title: 'a control character' }, 'U+' + code));
    from = found.index + found[0].length;
  }
  nodes.push(...marked(text.slice(from), needle));
  return nodes;
}

function marked(text, needle) {
  if (!needle || text === '') return text === '' ? [] : [document.createTextNode(text)];
  const low = text.toLowerCase();
  // A few letters change their length in lower case: places would be wrong.
  if (low.length !== text.length) return [document.createTextNode(text)];
  const nodes = [];
  let from = 0;
  for (let at = low.indexOf(needle); at >= 0 && nodes.length < 400; at = low.indexOf(needle, from)) {
    if (at > from) nodes.push(document.createTextNode(text.slice(from, at)));
    nodes.push(make('mark', null, text.slice(at, at + needle.length)));
    from = at + needle.length;
  }
  if (from < text.length) nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

/** An element that holds a text from outside, apart from the direction of what stands around it. */
function outside(tag, attributes, text, needle) {
  const element = make(tag, { ...attributes, dir: 'auto' });
  element.classList.add('outside');
  element.append(...pieces(String(text), needle));
  return element;
}

const WHOLE = new Intl.NumberFormat('en');
const OUTCOMES = ['succeeded', 'failed', 'in_doubt', 'rejected', 'not_run'];
const LETTERS = 'sfdrn';

/** `1385.60` as `1,385.60`: a decimal keeps its own digits. */
function grouped(number) {
  const [whole, fraction] = String(number).split('.');
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (fraction === undefined ? '' : '.' + fraction);
}

/** A share in per cent, cut off, so that 100% is said only of all; in a table all have two digits behind the point. */
function percent(rate, inTable) {
  if (rate === null || rate === undefined) return '–';
  const share = Math.floor(rate * 10000 + 1e-7) / 100;
  return (inTable ? share.toFixed(2) : String(share)) + '%';
}

/** A unit in the number that fits the amount: `1 credit`, `1.5 credits`; `USD` stays as it is. */
const unitOf = (amount, unit) => (/^[a-z]*[a-rt-z]$/.test(unit) && amount !== '1' ? unit + 's' : unit);

function time(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return Math.round(ms) + 'ms';
  if (ms < 9995) return (Math.round(ms / 10) / 100).toFixed(2) + 's';
  if (ms < 59950) return (Math.round(ms / 100) / 10).toFixed(1) + 's';
  const two = (n) => String(n).padStart(2, '0');
  if (ms < 3599500) { const s = Math.round(ms / 1000); return Math.floor(s / 60) + 'm ' + two(s % 60) + 's'; }
  const m = Math.round(ms / 60000);
  return Math.floor(m / 60) + 'h ' + two(m % 60) + 'm';
}

/** A number for the eye: three or four digits that count. */
function short(number) {
  if (number === 0) return '0';
  const size = Math.abs(number);
  if (size >= 1e15 || size < 1e-9) return number.toExponential(2);
  if (size >= 1000) return WHOLE.format(Math.round(number));
  return String(Number(number.toPrecision(4)));
}

const said = (outcome) => outcome.replace('_', ' ');
const plural = (count, noun) => WHOLE.format(count) + ' ' + noun + (count === 1 ? '' : 's');

/** A text of the page's own, or an answer of the service's that stands in a sentence. */
const instant = (ms) => new Date(ms).toISOString().replace('T', ' ').replace(/\.000Z$|Z$/, '');
