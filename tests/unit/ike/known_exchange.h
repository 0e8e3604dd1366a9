// An exchange that was computed beside ours, with Python's hmac and hashlib and another library's X25519 and AES:
// IKE_SA_INIT and IKE_AUTH by preshared key with AES-256-GCM, PRF-HMAC-SHA2-384 and Curve25519, one child with
// AES-128-GCM, then a child with a key exchange of its own and a rekeyed IKE_SA, both with AES-256-CBC and
// HMAC-SHA2-256-128. All in hexadecimal.
#pragma once

#include <cstdint>
#include <string_view>

namespace warren::ike::known {

inline constexpr std::uint64_t kSpiI = 0x1122334455667788;
inline constexpr std::uint64_t kSpiR = 0x99aabbccddeeff00;
inline constexpr std::uint64_t kRekeyedSpiI = 0x0102030405060708;
inline constexpr std::uint64_t kRekeyedSpiR = 0x1112131415161718;
// Private values of Curve25519: 1, 2, 3 ... and 33, 34, 35 ...; nonces: 32 bytes that count from these.
inline constexpr std::uint8_t kPrivateI = 1;
inline constexpr std::uint8_t kPrivateR = 33;
inline constexpr std::uint8_t kNonceI = 0x00;
inline constexpr std::uint8_t kNonceR = 0x40;
inline constexpr std::uint8_t kSecondNonceI = 0x80;  // of the child with a key exchange and of the rekeyed IKE_SA
inline constexpr std::uint8_t kSecondNonceR = 0xc0;
inline constexpr std::uint8_t kCbcIv = 0xe0;  // of kDeleteMessage
inline constexpr std::string_view kPsk = "correct horse battery staple";
inline constexpr std::string_view kPpk = "a key that quantum computers do not find";
inline constexpr std::string_view kIdi = "graz@acme.example";
inline constexpr std::string_view kIdr = "acme.vpn.example.net";

inline constexpr std::string_view kSharedSecret = "a84dc7c3c8f058b1b2dc4cd1e9b5dc0a7987f88b6a9564cde3391fc421159e77";
inline constexpr std::string_view kInitRequest =
    "112233445566778800000000000000002120220800000000000000e02200002800000024010100030300000c01000014"
    "800e01000300000802000006000000080400001f28000028001f000007a37cbc142093c8b755dc1b10e86cb426374ad1"
    "6aa853ed0bdfc0b2b86d1c7c29000024000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "2900001c0000400477273b31d6ed8389ee69c66f0c7f2037f0a982eb2900001c0000400518d84625a2be159786494713"
    "f74c3bc2d11e8006290000080000402e000000100000402f0002000300040005";
inline constexpr std::string_view kInitResponse =
    "112233445566778899aabbccddeeff002120222000000000000000902200002800000024010100030300000c01000014"
    "800e01000300000802000006000000080400001f28000028001f00005869aff450549732cbaaed5e5df9b30a6da31cb0"
    "e5742bad5ad4a1a768f1a67b00000024404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f";
inline constexpr std::string_view kSkD =
    "b0af0e28831b6be6b3002613043da61608fd523cf557c6fe5a952cff23ebd2cc7bc768c4592fc37df597fdce43ac09c5";
inline constexpr std::string_view kSkEi = "c64150daf842f2ccb577c57a65eedb9eacc5d4131b54c79e9e123b34c69e617b2a886d47";
inline constexpr std::string_view kSkEr = "a2324f7f94bd52b0534543095add293a66d4074509a51724a6a72ee626bb5fd8c6117a59";
inline constexpr std::string_view kSkPi =
    "45a09e1d4ce907e6279562fabd157a28a9d2b93ed83109b87a74657ffb2b48108be5c0b1cc332e0d9f9b239496f592a8";
inline constexpr std::string_view kSkPr =
    "466bb12f343f76f716c3941f1a5a7b8d68d01ebd4710aaa194cfd701a16f981d6f6d88d40dce1d74cd8930b09983d737";
inline constexpr std::string_view kAuthOfInitiator =
    "45bb7eed17c11e9608b75727c96d1f0acd92173b9e0894b2b6edad0158ac050b538656eac9ebcb4f9de8c5b589317ddf";
inline constexpr std::string_view kAuthOfResponder =
    "b53b24d052806cab74b9e8ccd8944ff6be1e6fd993bd5ce623d396924e5c6826d10d830f6862186568e537aa4bbf8f14";
inline constexpr std::string_view kAuthRequest =
    "112233445566778899aabbccddeeff002e20230800000001000000fa230000de0000000000000000c0bfa4308cd45fc3"
    "6ea95018f0f8abf0656f4f3cca1d4af21e0ff2d59c810f0955075c96362bd501373cbf80725969a6b15ee8ce40b8558e"
    "c091e75e7bfc1257f277dfb4351fc19596342c2276b86aed6f82c2ef8a4864a3aaebb101275c02340830e09879fe21c9"
    "ecb25a199c7eba8d43220817b7ac6325ed4612685870d256af6c3653458046c1e0c945abbb347887b1e24d3270ee338d"
    "a1c316a4d9792651e5a10fff0056feb6433654133acbcedc68faf4e0badfee1cf6fe251e7e68e3bb37c2ef265470738d"
    "63e6d295b03c831a6765";
inline constexpr std::string_view kAuthRequestChain =
    "24000019030000006772617a4061636d652e6578616d706c652700001c0200000061636d652e76706e2e6578616d706c"
    "652e6e6574210000380200000045bb7eed17c11e9608b75727c96d1f0acd92173b9e0894b2b6edad0158ac050b538656"
    "eac9ebcb4f9de8c5b589317ddf2c0000240000002001030402c00001010300000c01000014800e008000000008050000"
    "002d00001801000000070000100000ffff0a0001000a0001ff0000001801000000070000100000ffff0a0000000a0000"
    "ff";
inline constexpr std::string_view kAuthResponse =
    "112233445566778899aabbccddeeff002e20232000000001000000e1240000c5000000000000000000cf1ef413ea87f0"
    "d6a92888730b1b69deeae0e7e45d6827594591cb6d6c6e32e9373cc1c5685dcf2afcd63a649df148a37673626c456559"
    "36c1a9e8298dabe87ed07d7903665d9a8c26d2b9ad7e65382a4fd1f53ab1abed2d4544bd753c4f2e1e702937c41f93e5"
    "894f26bac42960b39253c54391a5ee72b1685bc8d78a2e3cb9d93697fffed131b98042cb923949fe8908ba6631ddc086"
    "67c2490dae45f4459e019a5fb80bbed6d64077801147b320693c9adaa91d42a9d5";
inline constexpr std::string_view kChildInitiator = "ca11c232e2134e2a347d4b4ba7bbe63874d6509d";
inline constexpr std::string_view kChildResponder = "20b9838356a0586fbe3ac26184f32ca977fee067";
inline constexpr std::string_view kPfsChildInitiatorEncryption =
    "0afbec60124091eef55629d11c34c1a9e6db81cb1b36ea8cbb89d18520e1dedf";
inline constexpr std::string_view kPfsChildInitiatorIntegrity =
    "5d401da97edba6b7855e798d36e242ad23692b2b5afc247a89a9c83ee2f785c3";
inline constexpr std::string_view kPfsChildResponderEncryption =
    "df6964ff0f764a9a308adecdf07f00340634ebdd45a375f666be73d1e8dfa00e";
inline constexpr std::string_view kPfsChildResponderIntegrity =
    "2429f1f4bea65d219f6038d263c2cfcb3fe2077a5ab7b3f163e706e63c438445";
inline constexpr std::string_view kRekeyedSkD = "686a8339280100b8a9c0aa2809f91a5522633e037509e76143d2eb7150fc469d";
inline constexpr std::string_view kRekeyedSkAi = "6e7373b638e8306ea3a9aaacbd4014f8017e0d676081749dc23d514692fc9c1d";
inline constexpr std::string_view kRekeyedSkAr = "6abf7e0806fbf7399da32121b649e4a9d127d05a928c544cddd1227a71cb6b85";
inline constexpr std::string_view kRekeyedSkEi = "212a749b9fb4f96972328a1b77d344902a553268098e7b08f75e1c2abbfc7441";
inline constexpr std::string_view kRekeyedSkEr = "25b9c6ca8167d0cba2d867ce1cf01d636f577128f9ae5d983dc67f021011ee09";
inline constexpr std::string_view kRekeyedSkPi = "90ad4be70276a97b42e508a3a45d9f7499542e108651b2d78483eb7e1df56899";
inline constexpr std::string_view kRekeyedSkPr = "89fdba577afc7883e89fd6b16e8141c5e188d381f9e23665c0c5698f38b627de";
inline constexpr std::string_view kPpkSkD =
    "287e2c4b641784751d328ad50ea13ab4c80c356d0fe621345de57d23866c674463747694097cc627c503a3917bfa5ad2";
inline constexpr std::string_view kPpkSkPi =
    "8b3db2ce052972974ad13a8f3be4f886043067adddc37e91e1f1d3bf68215104e58fbf90aad8b4477fd04e2279e19b17";
inline constexpr std::string_view kPpkSkPr =
    "93603880a4b4a69faa45337ef15ca1f63f5a047ff6078907882f72cfa529002cfd873cc9caef788ac144a2759275a03a";
inline constexpr std::string_view kDeleteMessage =
    "010203040506070811121314151617182e20250800000000000000502a000034e0e1e2e3e4e5e6e7e8e9eaebecedeeef"
    "a22f510d293fd020cd22c1ff28e4d93ef3074a4864ea9a5f564a5dbb202e40a4";

}  // namespace warren::ike::known
