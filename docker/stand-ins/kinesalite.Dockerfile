# Kinesalite in place of Kinesis: it has no image of its own.
FROM node:24-slim
WORKDIR /app
RUN npm install --ignore-scripts --no-audit --no-fund kinesalite@3.3.3 && mkdir /data && chown 1000:1000 /data
USER 1000:1000
CMD ["node", "-e", "require('kinesalite')({ path: '/data/db', createStreamMs: 10, deleteStreamMs: 10, updateStreamMs: 10, shardLimit: 100 }).listen(4567)"]
