// Records what Node's dotenv makes of files, for TestParseAsNodeDoes:
//   npm install --prefix /tmp/dotenv dotenv@17.4.2
//   NODE_PATH=/tmp/dotenv/node_modules node internal/env/testdata/record.cjs > internal/env/testdata/dotenv.json
const dotenv = require('dotenv')

const texts = [
  '', '\n', '# only a comment', 'A=b', 'A=b\n', 'A=b\r\nC=d\r\n', 'A=b\rC=d', '\ufeffA=b\nC=d', 'A=', 'A=\nC=d', 'A', 'A B=c', 'A B', '=b',
  'A=xTvDqw$27A', 'A=$HOME', 'A=${HOME}', 'A=$(id)', 'A="$HOME ${HOME}"', "A='$HOME'", 'A=\\$HOME', 'B=1\nA=$B', 'A=`id`', 'A=b`c', 'A=`b\'"c`',
  'A = b', 'A= b ', '\tA\t=\tb\t', 'A=b c', 'A=b\\ c', ' A=b', 'export A=b', 'export\tA=b', 'export  A = b', 'exportA=b', 'export=b', 'export A',
  'A="b"', "A='b'", 'A=" b "', "A=' b '", 'A="b', "A='b", 'A=b"', "A=b'c", 'A="b" c', 'A="b"c"', "A='b'c'", 'A=""', "A=''", 'A="', 'A="b\' ',
  'A="b\\nc"', "A='b\\nc'", 'A=b\\nc', 'A=`b\\nc`', 'A="b\\r\\nc"', 'A="b\\tc"', 'A="b\\\\nc"', 'A="b\\nc', 'A="say \\"b\\""', "A='it\\'s'",
  'A="b\nc"', "A='b\nc'", 'A=`b\nc`', 'A="b\r\nc"\nD=e', 'A="b\n# c\nd=e" # f\nG=h', 'A="b\nC=d', 'A="b\nC="d"', 'A="b\nC=d"\nE=f',
  'A=b #c', 'A=b#c', 'A=#c', 'A= #c', 'A="b#c"', "A='b#c' # d", 'A="b" #c', 'A="b"#c', 'A=b # c "d"', '# A=b', ' # A=b\nC=d', '#A="b\nC=d"',
  'A: b', 'A:b', 'A: "b"', 'A : b', 'A:\nb', 'A\n=b', 'A=\n\'b\'', 'A=\n\nC=d', 'A=b\nA=c', 'A.b-c=d', '1=2', 'Ä=b', 'A=ä€😀', 'A==', 'A=b=c', 'A=b:c',
  'A=\u00a0b\u00a0', 'A=\u3000"b"', 'A=b\u2028c', 'A=\x00b', 'A=b\u0085', 'A=\v b', 'this is not a line\nA=b', '- A=b', 'A=b\nhidden\nC=d', '{"A":"b"}',
  'ZOOM_VIDEO_SDK_KEY=abc\nZOOM_VIDEO_SDK_SECRET=xTvDqw$27A\nPORT=4000', 'AUTH_POLICY="request.role == 0 ||\n  \'teachers\' in caller.claims.groups"',
]
// files of these parts in any order find what nobody thinks of
const parts = ['A', 'B1', 'export ', '=', '=', ':', ' ', '\t', '\n', '\n', '\r\n', '"', "'", '`', '#', '\\', '\\n', '\\"', '$', 'b', 'c', 'é', '.', '-', '\ufeff']
let seed = 1
const random = (n) => (seed = (seed * 48271) % 2147483647) % n
for (let i = 0; i < 1000; i++) {
  let text = 'A=' // most would have no variable otherwise
  for (let n = random(16); n > 0; n--) text += parts[random(parts.length)]
  texts.push(text)
}
console.log('[\n' + texts.map((text) => JSON.stringify({ text, variables: dotenv.parse(text) })).join(',\n') + '\n]')
