(() => {
  const entries = JSON.parse(document.getElementById('entries').textContent);
  const form = document.querySelector('form.search'), list = document.querySelector('.tables');
  const input = form.querySelector('input'), said = form.querySelector('output');
  const items = entries.map(entry => document.getElementById(entry.id));
  const low = text => text.toLowerCase();
  // As `workbench catalog` ranks: names before what is said about them.
  const inName = (name, word, scores) => name === word ? scores[0] : name.startsWith(word) ? scores[1] : name.includes(word) ? scores[2] : 0;
  const score = (entry, words) => {
    let sum = 0;
    const columns = new Set();
    for (const word of words) {
      let best = inName(entry.name, word, [100, 70, 50]) || (low(entry.doc).includes(word) ? 15 : low(entry.owner).includes(word) || entry.kind === word ? 5 : 0);
      for (const [name, about] of entry.columns) {
        const found = inName(low(name), word, [60, 45, 35]) || (low(about).includes(word) ? 10 : 0);
        if (found) columns.add(name);
        best = Math.max(best, found);
      }
      if (!best) return null;
      sum += best;
    }
    return {sum, columns: [...columns]};
  };
  const search = () => {
    const words = low(input.value).split(/[\s.@,]+/).filter(Boolean);
    const hits = [];
    entries.forEach((entry, i) => {
      const found = score(entry, words);
      items[i].hidden = !found;
      if (!found) return;
      const more = items[i].querySelector('.found');
      more.hidden = !words.length || !found.columns.length;
      more.textContent = 'columns: ' + found.columns.join(', ');
      hits.push([found.sum, i]);
    });
    hits.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    for (const [, i] of hits) list.append(items[i]);
    said.textContent = words.length ? (hits.length ? `${hits.length} found` : 'nothing found') : '';
    history.replaceState(null, '', '#' + encodeURIComponent(input.value));
  };
  form.hidden = false;
  form.addEventListener('submit', event => {
    event.preventDefault();
    const first = list.querySelector('li:not([hidden]) a');
    if (first && input.value.trim()) location.href = first.href;
  });
  input.addEventListener('input', search);
  document.addEventListener('keydown', event => {
    if (event.key === '/' && document.activeElement !== input) { event.preventDefault(); input.focus(); }
  });
  try { input.value = decodeURIComponent(location.hash.slice(1)); } catch { input.value = ''; }
  if (input.value) search();
})();
