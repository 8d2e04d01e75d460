// Words beside a number that tell what it is: "заказ 4402918", "арт. 88-41", "call +7 ...". Private to core/nlp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/nlp/finder.hpp"

namespace easyflow::nlp {

/// What a word tells; a word may tell several things.
struct Cue {
  enum Bits : std::uint32_t {
    order = 1U << 0,     ///< заказ, order
    number = 1U << 1,    ///< номер, number: says nothing of whose number it is
    tracking = 1U << 2,  ///< трек, tracking
    carrier = 1U << 3,   ///< сдэк, dhl
    parcel = 1U << 4,    ///< посылка, parcel
    sku = 1U << 5,       ///< артикул, sku
    model = 1U << 6,     ///< модель, item: a code only if it looks like one
    size = 1U << 7,      ///< размер, size
    wear = 1U << 8,      ///< ношу, нога: a number beside it may be a size
    body = 1U << 9,      ///< рост, талия: the number beside it is a measure
    unit = 1U << 10,     ///< см, лет, руб: the number before it is an amount
    phone = 1U << 11,    ///< тел, call
    card = 1U << 12,     ///< карта, card
    other = 1U << 13,    ///< индекс, инн, договор, дом: the number beside it is none of ours
    promo = 1U << 14,    ///< промокод, coupon
    color = 1U << 15,    ///< цвет, colour
    street = 1U << 16,   ///< улица, street
    place = 1U << 17,    ///< г, город, city
    into = 1U << 18,     ///< в, до, из, to, from: a place may follow
    filler = 1U << 19,   ///< may stand between a cue and its number
    amount = 1U << 20,   ///< на, за, из, for: the number after it is an amount
    joint = 1U << 21,    ///< и, или, or: joins numbers of one kind
    lessen = 1U << 22,   ///< тёмно, light: goes before a colour
    garment = 1U << 23,  ///< платье, shoes: a number right after it may be a size
    came = 1U << 24,     ///< заказал, пришли, got: of two numbers after such words each may be a size
    cancel = 1U << 25,   ///< отмените, cancel: a long number right after it is an order's
    check = 1U << 26,    ///< проверьте, check: so is a longer one
  };
};

/// The cues of a token, 0 for most.
std::uint32_t cues_of(const Scan& scan, const Token& token);
/// The cues of up to `reach` words before token `at`, together; signs and numbers between them are passed over.
std::uint32_t cues_before(const Scan& scan, std::size_t at, int reach);
/// The same of the words that begin at token `at`.
std::uint32_t cues_after(const Scan& scan, std::size_t at, int reach);

}  // namespace easyflow::nlp
