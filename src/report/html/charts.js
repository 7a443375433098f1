// Pictures: histograms, and the timeline of the run. Drawn at the width they have, and again when that changes.

/** Calls `paint` with an element's width, now and whenever it changes. */
function drawn(element, paint) {
  let width = 0;
  new ResizeObserver(() => {
    const now = Math.floor(element.clientWidth);
    if (now > 0 && now !== width) {
      width = now;
      element.replaceChildren(...paint(now));
    }
  }).observe(element);
  return element;
}

/** A step of 1, 2 or 5 times a power of ten that divides a span into at most so many. */
function niceStep(span, most) {
  const rough = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough * 0.999999);
}

/** Fine bins gathered to some thirty that are wide enough to be seen: even ones, or by ratio when the span is wide. */
function gather(bins, most) {
  const low = bins[0][0];
  const high = bins[bins.length - 1][1];
  const total = bins.reduce((sum, bin) => sum + bin[2], 0);
  let seen = 0;
  const rank = (share) => {
    seen = 0;
    return bins.find((bin) => (seen += bin[2]) >= share * total)[1];
  };
  const wide = low > 0 && high / rank(0.5) > 5 && high / low > 10;
  const count = Math.max(6, Math.min(most, Math.ceil(Math.sqrt(total) * 1.6)));
  const edges = [];
  if (wide) {
    const step = Math.max((Math.log(high) - Math.log(low)) / count, 0.03);
    for (let at = Math.log(low); at < Math.log(high) + step * 0.999; at += step) edges.push(Math.exp(at));
  } else {
    // Not finer than the bins that there are.
    const step = niceStep(Math.max(high - low, high * 0.06, 1e-12), count);
    const first = Math.floor(low / step + 1e-9) * step;
    for (let at = first; edges.length < 2 || edges[edges.length - 1] < high * (1 - 1e-12); at += step) edges.push(at);
  }
  const bars = edges.slice(1).map((to, place) => ({ from: edges[place], to, count: 0 }));
  let place = 0;
  for (const [from, to, amount] of bins) {
    const middle = bars.length > 1 ? (from === 0 ? 0 : Math.min((from + to) / 2, high)) : from;
    while (place < bars.length - 1 && middle >= bars[place].to) place += 1;
    bars[place].count += amount;
  }
  return { bars, wide };
}

function histogram(bins, marks, show) {
  return drawn(make('div', { class: 'chart' }), (width) => {
    const height = 150;
    const floor = 118;
    const { bars, wide } = gather(bins, Math.max(8, Math.floor(width / 13)));
    const most = Math.max(...bars.map((bar) => bar.count));
    const picture = draw('svg', { height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'histogram' });
    const scale = wide ? Math.log : (value) => value;
    const start = scale(bars[0].from);
    const end = scale(bars[bars.length - 1].to);
    const x = (value) => ((scale(Math.max(value, wide ? bars[0].from : 0)) - start) / (end - start)) * (width - 2) + 1;
    for (const bar of bars) {
      if (bar.count === 0) continue;
      const size = Math.max(2, (bar.count / most) * 92);
      const left = x(bar.from);
      picture.append(draw('rect', { class: 'bar', x: left + 0.5, y: floor - size, width: Math.max(1, x(bar.to) - left - 1), height: size, rx: 1.5 },
        draw('title', {}, `${show(bar.from)} to ${show(bar.to)}: ${plural(bar.count, 'row')}`)));
    }
    picture.append(draw('line', { class: 'axis', x1: 0, x2: width, y1: floor + 0.5, y2: floor + 0.5 }));
    ticks(bars[0].from, bars[bars.length - 1].to, wide, Math.max(2, Math.floor(width / 80))).forEach((value) => {
      const at = x(value);
      if (at < -1 || at > width + 1) return;
      const anchor = at < 24 ? 'start' : at > width - 24 ? 'end' : 'middle';
      picture.append(draw('text', { x: at, y: floor + 16, 'text-anchor': anchor }, show(value)));
    });
    let taken = Infinity;
    for (const [name, value] of marks.slice().reverse()) {
      const at = x(value);
      if (value === null || !(at >= 0 && at <= width + 1)) continue;
      picture.append(draw('line', { class: 'rule', x1: at, x2: at, y1: 16, y2: floor }));
      if (taken - at < 34) continue;
      taken = at;
      picture.append(draw('text', { class: 'rule-name', x: Math.min(at, width - 14), y: 11, 'text-anchor': at < 14 ? 'start' : 'middle' }, name));
    }
    return [picture];
  });
}

function ticks(from, to, wide, most) {
  const places = [];
  if (wide) {
    const powers = Math.log10(to / from);
    const times = powers > most ? [1] : powers * 2 > most ? [1, 3] : [1, 2, 5];
    const skip = Math.max(1, Math.ceil(powers / most));
    for (let power = Math.floor(Math.log10(from)); 10 ** power <= to; power += skip) {
      for (const by of times) if (by * 10 ** power >= from && by * 10 ** power <= to) places.push(by * 10 ** power);
    }
    return places;
  }
  const step = niceStep(to - from, most);
  for (let at = Math.ceil(from / step - 1e-9) * step; at <= to * (1 + 1e-9); at += step) places.push(at);
  return places;
}

/** Stretches of the run side by side; a long time in which nothing began or ended is drawn as a narrow gap. */
function stretchesOf(timeline) {
  const stretches = [];
  let open = 0;
  let last = -1;
  const longest = Math.max(40, timeline.stretches.length);
  for (const [place, started, finished, unsuccessful, backoff, throttled] of timeline.stretches) {
    const missing = place - last - 1;
    if (missing > longest) stretches.push({ gap: missing * timeline.width_ms });
    else for (let idle = 0; idle < missing; idle += 1) stretches.push({ at: last + 1 + idle, open, finished: 0, unsuccessful: 0, backoff: 0, throttled: 0 });
    open += started;
    stretches.push({ at: place, open, finished, unsuccessful, backoff, throttled });
    open -= finished;
    last = place;
  }
  return stretches;
}

function timelineChart(timeline) {
  const all = stretchesOf(timeline);
  return drawn(make('div', { class: 'chart' }), (width) => {
    const { parts, times } = narrowed(all, Math.max(30, Math.floor((width - 44) / 4)));
    const wide = timeline.width_ms * times;
    const perMinute = Math.max(...parts.map((part) => (part.finished || 0) / wide)) * 1000 < 1;
    const rate = (count) => (count / wide) * (perMinute ? 60000 : 1000);
    const waits = parts.some((part) => part.backoff > 0);
    const lanes = [
      { name: perMinute ? 'Rows a minute' : 'Rows a second', height: 92, value: (part) => rate(part.finished), bars: true },
      { name: 'In flight', height: 64, value: (part) => part.open },
    ];
    if (parts.some((part) => part.throttled > 0)) {
      lanes.push({ name: 'Answers that asked to slow down', height: 40, value: (part) => part.throttled, bars: true, wait: true, show: WHOLE.format, told: (count) => 'asked to slow down ' + plural(count, 'time') });
    }
    if (waits) lanes.push({ name: 'In back-off and pauses, of the rows that ended', height: 46, value: (part) => part.backoff / Math.max(1, part.finished), bars: true, wait: true, show: time, told: (ms) => time(ms) + ' a row' });
    const height = lanes.reduce((sum, lane) => sum + lane.height + 26, 20);
    const picture = draw('svg', { height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'timeline of the run' });
    const left = 44;
    const step = (width - left) / parts.length;
    let top = 0;
    for (const lane of lanes) {
      paintLane(picture, lane, parts, { left, step, top: top + 20, width, rate });
      top += lane.height + 26;
    }
    paintTimes(picture, parts, { left, step, y: top + 12, width, timeline, wide });
    return [picture];
  });
}

/** Joins neighbours until there are few enough to be seen. */
function narrowed(all, most) {
  const times = Math.max(1, Math.ceil(all.length / most));
  if (times === 1) return { parts: all, times };
  const parts = [];
  for (const stretch of all) {
    const last = parts[parts.length - 1];
    if (stretch.gap || !last || last.gap || last.joined >= times) parts.push({ ...stretch, joined: 1 });
    else {
      last.finished += stretch.finished;
      last.unsuccessful += stretch.unsuccessful;
      last.backoff += stretch.backoff;
      last.throttled += stretch.throttled;
      last.open = Math.max(last.open, stretch.open);
      last.joined += 1;
    }
  }
  return { parts, times };
}

function paintLane(picture, lane, parts, { left, step, top, width, rate }) {
  const floor = top + lane.height;
  const most = Math.max(...parts.map((part) => (part.gap ? 0 : lane.value(part))), 1e-9);
  const y = (value) => floor - (value / most) * (lane.height - 4);
  const show = lane.show || short;
  picture.append(draw('text', { x: left, y: top - 7, 'font-weight': 600 }, lane.name));
  picture.append(draw('text', { x: left - 6, y: top + 8, 'text-anchor': 'end' }, show(most)));
  picture.append(draw('text', { x: left - 6, y: floor, 'text-anchor': 'end' }, '0'));
  let path = '';
  parts.forEach((part, place) => {
    const at = left + place * step;
    if (part.gap) {
      picture.append(draw('rect', { class: 'gap', x: at, y: top, width: step, height: lane.height }, draw('title', {}, time(part.gap) + ' in which nothing happened')));
      path += path && `L${at} ${floor}`;
      return;
    }
    const value = lane.value(part);
    if (!lane.bars) {
      path += `${path ? 'L' : 'M' + at + ' ' + floor + 'L'}${at} ${y(value)}L${at + step} ${y(value)}`;
      return;
    }
    if (value <= 0) return;
    const bar = { x: at + (step > 3 ? 0.5 : 0), width: Math.max(0.7, step - (step > 3 ? 1 : 0)) };
    if (lane.wait) {
      picture.append(draw('rect', { class: 'f-wait', y: y(value), height: floor - y(value), ...bar }, draw('title', {}, lane.told(value))));
      return;
    }
    const bad = rate(part.unsuccessful);
    const label = `${plural(part.finished, 'row')} ended` + (part.unsuccessful ? `, ${WHOLE.format(part.unsuccessful)} did not succeed` : '');
    if (value > bad) picture.append(draw('rect', { class: 'f-good', y: y(value), height: y(bad) - y(value), ...bar }, draw('title', {}, label)));
    if (bad > 0) picture.append(draw('rect', { class: 'f-bad', y: y(bad), height: floor - y(bad), ...bar }, draw('title', {}, label)));
  });
  if (path) {
    const end = left + parts.length * step;
    picture.append(draw('path', { class: 'area', d: `${path}L${end} ${floor}Z` }));
    picture.append(draw('path', { class: 'edge', d: path }));
  }
  picture.append(draw('line', { class: 'axis', x1: left, x2: width, y1: floor + 0.5, y2: floor + 0.5 }));
}

function paintTimes(picture, parts, { left, step, y, width, timeline, wide }) {
  const span = wide * parts.length;
  const digits = span < 8000 ? 21 : span < 120000 * 5 ? 19 : 16;
  const show = (ms) => new Date(ms).toISOString().slice(11, digits);
  let taken = -Infinity;
  parts.forEach((part, place) => {
    const at = left + place * step;
    if (part.gap || at - taken < 90 || at > width - 30) return;
    taken = at;
    const ms = timeline.start_ms + part.at * timeline.width_ms;
    picture.append(draw('text', { x: at, y }, place === 0 ? instant(ms).slice(0, digits) + ' UTC' : show(ms)));
    if (place === 0) taken += 70;
  });
}
