# cmake -DINPUT=FILE -DOUTPUT=FILE.cc -P embed_comments.cmake: the bytes of a file as C++.
file(READ ${INPUT} bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes
       "${bytes}")
file(WRITE ${OUTPUT} "#include <cstddef>

namespace gloo::model {

extern const unsigned char kCommentBytes[] = {
${bytes}};
extern const size_t kCommentSize = ${size};

}  // namespace gloo::model
")
